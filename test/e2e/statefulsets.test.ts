/** StatefulSets on a whole cluster, with real kubectl. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3 });
});
afterAll(() => cluster.remove());

const run = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (...objects: object[]): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], {
    input: objects.map((each) => JSON.stringify(each)).join('\n---\n'),
  });

function headless(name: string): object {
  const ports = [{ port: 80, name: 'web' }];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { clusterIP: 'None', selector: { app: name }, ports },
  };
}

function statefulSet(name: string, image: string, spec: object = {}): object {
  const container = {
    name: 'main',
    image,
    volumeMounts: [{ name: 'www', mountPath: '/usr/share/nginx/html' }],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      serviceName: name,
      replicas: 3,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 0, containers: [container] },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'www' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
      ...spec,
    },
  };
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** `name image` of each pod of the app, in order. */
async function podsOf(app: string): Promise<string[]> {
  const path = '{range .items[*]}{.metadata.name} {.spec.containers[0].image}{"\\n"}{end}';
  return lines(await run('get', 'pods', '-l', `app=${app}`, '-o', `jsonpath=${path}`)).sort();
}

const names = async (resource: string, app: string): Promise<string[]> =>
  lines(
    await run(
      'get',
      resource,
      '-l',
      `app=${app}`,
      '-o',
      'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}',
    ),
  ).sort();

const podNames = (app: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${app}-${at}`);

const rolledOut = (name: string): Promise<string> => run('rollout', 'status', `sts/${name}`, '--timeout=60s');

/** Waits until the app has just these pods. */
const settlesTo = (app: string, pods: readonly string[]): Promise<boolean> =>
  eventually(`${app} has ${pods.join()}`, async () => (await podsOf(app)).join() === pods.join());

describe('a StatefulSet', () => {
  it('starts its pods in order, each with a name, a claim and a DNS name of its own', async () => {
    await apply(headless('web'), statefulSet('web', 'nginx'));
    await rolledOut('web');
    expect(await podsOf('web')).toEqual(podNames('web', 3).map((name) => `${name} nginx`));
    expect(await names('pvc', 'web')).toEqual(['www-web-0', 'www-web-1', 'www-web-2']);
    const created = lines(
      await run(
        'get',
        'pods',
        '-l',
        'app=web',
        '--sort-by=.metadata.creationTimestamp',
        '-o',
        'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}',
      ),
    );
    expect(created).toEqual(podNames('web', 3));
    expect(await run('get', 'sts', 'web')).toMatch(/^NAME +READY +AGE\nweb +3\/3 +/);
    expect(await run('exec', 'web-0', '--', 'hostname')).toBe('web-0\n');
    for (const name of podNames('web', 3)) {
      const ip = (await run('get', 'pod', name, '-o', 'jsonpath={.status.podIP}')).trim();
      expect(await run('exec', 'web-0', '--', 'nslookup', `${name}.web`)).toContain(ip);
    }
  });

  it('finds the data of each pod again after the pod is gone', async () => {
    for (const name of podNames('web', 3)) {
      await run('exec', name, '--', 'sh', '-c', 'echo "$(hostname)" > /usr/share/nginx/html/index.html');
    }
    await run('delete', 'pods', '-l', 'app=web');
    await rolledOut('web');
    for (const name of podNames('web', 3)) {
      expect(await run('exec', name, '--', 'cat', '/usr/share/nginx/html/index.html')).toBe(`${name}\n`);
    }
  });

  it('scales up in order and down in reverse, and keeps the claims', async () => {
    await run('scale', 'sts', 'web', '--replicas=5');
    await rolledOut('web');
    expect(await names('pods', 'web')).toEqual(podNames('web', 5));
    await run('patch', 'sts', 'web', '-p', '{"spec":{"replicas":3}}');
    await settlesTo(
      'web',
      podNames('web', 3).map((name) => `${name} nginx`),
    );
    expect(await names('pvc', 'web')).toHaveLength(5);
    const killed = lines(
      await run(
        'get',
        'events',
        '--field-selector',
        'reason=SuccessfulDelete,involvedObject.name=web',
        '-o',
        'jsonpath={range .items[*]}{.message}{"\\n"}{end}',
      ),
    );
    expect(killed).toEqual(
      expect.arrayContaining([
        'delete Pod web-4 in StatefulSet web successful',
        'delete Pod web-3 in StatefulSet web successful',
      ]),
    );
  });

  it('rolls from the top down to the partition, then all the way, and back', async () => {
    await run(
      'patch',
      'sts',
      'web',
      '-p',
      '{"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":2}}}}',
    );
    await run('set', 'image', 'sts/web', 'main=nginx:1.27');
    expect(await rolledOut('web')).toContain('partitioned roll out complete: 1 new pods have been updated');
    expect(await podsOf('web')).toEqual(['web-0 nginx', 'web-1 nginx', 'web-2 nginx:1.27']);
    await run('delete', 'pod', 'web-0');
    await settlesTo('web', ['web-0 nginx', 'web-1 nginx', 'web-2 nginx:1.27']);
    await run(
      'patch',
      'sts',
      'web',
      '-p',
      '{"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":0}}}}',
    );
    expect(await rolledOut('web')).toContain('partitioned roll out complete: 3 new pods have been updated');
    expect(await podsOf('web')).toEqual(podNames('web', 3).map((name) => `${name} nginx:1.27`));
    expect(await run('rollout', 'history', 'sts/web')).toMatch(
      /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/,
    );
    await run('rollout', 'undo', 'sts/web');
    await rolledOut('web');
    expect(await podsOf('web')).toEqual(podNames('web', 3).map((name) => `${name} nginx`));
  });

  it('without order starts and stops all at once, and takes claims along if it is told to', async () => {
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    await apply(
      headless('many'),
      statefulSet('many', 'nginx', {
        podManagementPolicy: 'Parallel',
        persistentVolumeClaimRetentionPolicy,
        ordinals: { start: 1 },
      }),
    );
    await rolledOut('many');
    expect(await names('pods', 'many')).toEqual(['many-1', 'many-2', 'many-3']);
    await run('scale', 'sts', 'many', '--replicas=1');
    await settlesTo('many', ['many-1 nginx']);
    await eventually(
      'claims of the others are gone',
      async () => (await names('pvc', 'many')).join() === 'www-many-1',
    );
    await run('delete', 'sts', 'many');
    await eventually('the last claim is gone', async () => (await names('pvc', 'many')).length === 0);
  });

  it('with OnDelete leaves old pods until somebody deletes them', async () => {
    await apply(statefulSet('by-hand', 'nginx', { updateStrategy: { type: 'OnDelete' }, replicas: 2 }));
    await eventually('both run', async () => (await run('get', 'sts', 'by-hand')).includes('2/2'));
    await run('set', 'image', 'sts/by-hand', 'main=nginx:1.27');
    await run('delete', 'pod', 'by-hand-0');
    await settlesTo('by-hand', ['by-hand-0 nginx:1.27', 'by-hand-1 nginx']);
  });

  it('goes with its pods, and leaves the claims', async () => {
    await run('delete', 'sts', 'web');
    await settlesTo('web', []);
    expect(await names('pvc', 'web')).toHaveLength(5);
  });
});
