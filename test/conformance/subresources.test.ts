/** What kubectl does with pods and accounts beyond reading and writing them: debug, resize, drain, tokens. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import type { Outcome } from '../support/command.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2 });
  await eventually('the default service account', () =>
    cluster.kubectl(['get', 'serviceaccount', 'default']).then(({ code }) => code === 0),
  );
});
afterAll(() => cluster.remove());

const run = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const attempt = (...args: string[]): Promise<Outcome> => cluster.kubectl(args);
const podOf = (name: string): Promise<Pod> => cluster.get('pod', name);

async function start(name: string, ...flags: string[]): Promise<void> {
  await run('run', name, '--image=nginx', ...flags);
  await run('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
}

it('debug adds an ephemeral container, which stays', async () => {
  await start('seen');
  await run('debug', 'seen', '--image=busybox', '--container=look', '--target=seen', '--', 'sleep', '60');
  const { spec } = await podOf('seen');
  expect(spec.ephemeralContainers).toMatchObject([
    { name: 'look', image: 'busybox', command: ['sleep', '60'], targetContainerName: 'seen' },
  ]);
  const lost = await attempt('debug', 'seen', '--image=busybox', '--target=nobody');
  expect(lost.stderr).toContain('spec.ephemeralContainers[1].targetContainerName: Not found: "nobody"');
  expect((await podOf('seen')).spec.ephemeralContainers).toEqual(spec.ephemeralContainers);
});

it('patch --subresource=resize changes amounts of a pod that runs, and nothing else', async () => {
  const resources = { requests: { cpu: '100m', memory: '64Mi' } };
  await start(
    'sized',
    `--overrides=${JSON.stringify({ spec: { containers: [{ name: 'sized', image: 'nginx', resources }] } })}`,
  );
  const resize = (container: object): Promise<Outcome> => {
    const patch = JSON.stringify({ spec: { containers: [{ name: 'sized', ...container }] } });
    return attempt('patch', 'pod', 'sized', '--subresource=resize', '-p', patch);
  };
  expect((await resize({ resources: { requests: { cpu: '200m' } } })).code).toBe(0);
  const { metadata, spec } = await podOf('sized');
  expect(spec.containers[0]?.resources?.requests).toEqual({ cpu: '200m', memory: '64Mi' });
  expect(metadata.generation).toBe(2);
  const refused = await resize({ resources: { limits: { cpu: '200m', memory: '64Mi' } } });
  expect(refused.stderr).toContain('Pod QOS Class may not change as a result of resizing');
});

describe('an eviction', () => {
  it('drains a node', async () => {
    await start('moved');
    const { spec } = await podOf('moved');
    const rehearsal = await run('drain', spec.nodeName!, '--force', '--dry-run=server');
    expect(rehearsal).toContain('evicting pod default/moved (server dry run)');
    expect((await podOf('moved')).metadata.deletionTimestamp).toBeUndefined();
    const drained = await run('drain', spec.nodeName!, '--force', '--grace-period=0', '--timeout=60s');
    expect(drained).toContain(`node/${spec.nodeName!} drained`);
    expect((await attempt('get', 'pod', 'moved')).stderr).toContain('pods "moved" not found');
    await run('uncordon', spec.nodeName!);
  });
});

describe('a token', () => {
  /** kubectl with a token and no certificate. */
  const bearing = async (token: string, ...args: string[]): Promise<Outcome> => {
    const server = await run('config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}');
    const flags = ['--kubeconfig=/dev/null', `--server=${server}`, '--insecure-skip-tls-verify'];
    return attempt(...flags, `--token=${token}`, ...args);
  };
  const create = async (...flags: string[]): Promise<string> =>
    (await run('create', 'token', 'robot', ...flags)).trim();

  beforeAll(async () => {
    await run('create', 'serviceaccount', 'robot');
  });

  it('of an account is let in as the account', async () => {
    const whoami = await bearing(await create(), 'auth', 'whoami');
    expect(whoami.stdout).toMatch(/Username\s+system:serviceaccount:default:robot/);
    expect(whoami.stdout).toContain('system:serviceaccounts:default');
  });

  it('lasts as long as is asked for, and is for whom it is asked for', async () => {
    const token = await create('--duration=10m', '--audience=vault');
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as {
      aud: string[];
      exp: number;
      iat: number;
    };
    expect([claims.aud, claims.exp - claims.iat]).toEqual([['vault'], 600]);
    expect((await bearing(token, 'get', 'pods')).stderr).toContain('Unauthorized');
    const short = await attempt('create', 'token', 'robot', '--duration=1m');
    expect(short.stderr).toContain('may not specify a duration less than 10 minutes');
  });

  it('ends with the pod that it is bound to', async () => {
    await start('carrier', '--overrides={"spec":{"serviceAccountName":"robot"}}');
    const token = await create('--bound-object-kind=Pod', '--bound-object-name=carrier');
    expect((await bearing(token, 'get', 'pods')).code).toBe(0);
    await run('delete', 'pod', 'carrier', '--grace-period=0', '--force');
    expect((await bearing(token, 'get', 'pods')).stderr).toContain('Unauthorized');
  });
});
