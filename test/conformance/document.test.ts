/** What the document says of ReplicationControllers, ReplicaSets, Deployments and autoscalers, statement by statement, with real kubectl. */

import type { Deployment, Pod, ReplicaSet, ReplicationController } from '@orrery/api/gen/types.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Chapter, namesOf } from '../support/chapter.ts';
import { eventually } from '../support/cluster.ts';

let chapter: Chapter;

beforeAll(async () => {
  chapter = await Chapter.open(5);
});
afterAll(() => chapter.close());
beforeEach(() => chapter.begin());
afterEach(() => chapter.end());

const kubectl = (...args: string[]): Promise<string> => chapter.kubectl(...args);
const imagesOf = (pods: readonly Pod[]): string[] => [
  ...new Set(pods.map(({ spec }) => spec.containers[0]!.image!)),
];
const uidsOf = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.uid).sort();

describe('Replication Controller', () => {
  it('is defined by the number of replicas, a label selector and a template: three pods of Tomcat with tier=frontend', async () => {
    await chapter.apply('rc-frontend.yaml');
    const pods = await chapter.readyPods(3);
    const { spec } = await chapter.get<ReplicationController>('rc', 'frontend');
    expect(spec.selector).toEqual({ tier: 'frontend' });
    for (const pod of pods) {
      expect(pod.metadata.labels).toEqual({ app: 'app-demo', tier: 'frontend' });
      expect(pod.spec.containers[0]).toMatchObject({
        name: 'tomcat-demo',
        image: 'tomcat',
        imagePullPolicy: 'IfNotPresent',
        env: [{ name: 'GET_HOSTS_FROM', value: 'dns' }],
        ports: [{ containerPort: 80, protocol: 'TCP' }],
      });
    }
  });

  it('stops what is too much', async () => {
    await chapter.apply('rc-frontend.yaml');
    const before = uidsOf(await chapter.readyPods(3));
    await kubectl('run', 'surplus', '--image=tomcat', '--labels=tier=frontend');
    const { uid } = (await chapter.get<Pod>('pod', 'surplus').catch(() => undefined))?.metadata ?? {};
    await eventually('the surplus is gone', async () => (await chapter.list<Pod>('pods')).length === 3);
    const after = uidsOf(await chapter.readyPods(3));
    // Whichever was the least use: those that are not ready go first.
    expect([...before, uid]).toEqual(expect.arrayContaining(after));
  });

  it('makes another pod for one that goes, or that fails', async () => {
    await chapter.apply('rc-frontend.yaml');
    const [deleted, failed] = await chapter.readyPods(3);
    await kubectl('delete', 'pod', deleted!.metadata.name);
    // As when a node gives a pod up: the controller counts it no more.
    await kubectl(
      'patch',
      'pod',
      failed!.metadata.name,
      '--subresource=status',
      '-p',
      '{"status":{"phase":"Failed","reason":"Evicted"}}',
    );
    await eventually('three that live', async () => {
      const pods = await chapter.list<Pod>('pods');
      const alive = pods.filter(
        ({ metadata, status }) => status?.phase === 'Running' && !metadata.deletionTimestamp,
      );
      const gone = [deleted, failed].map((pod) => pod!.metadata.uid);
      return alive.length === 3 && alive.every(({ metadata }) => !gone.includes(metadata.uid));
    });
  });

  it('controls the pods that its selector finds, and no others', async () => {
    await chapter.apply('rc-frontend.yaml');
    const [pod] = await chapter.readyPods(3);
    await kubectl('label', 'pod', pod!.metadata.name, 'tier=debug', '--overwrite');
    const pods = await chapter.readyPods(4);
    const released = pods.find(({ metadata }) => metadata.uid === pod!.metadata.uid);
    expect(released?.metadata.ownerReferences).toBeUndefined();
  });

  it('grows and shrinks with its number of replicas', async () => {
    await chapter.apply('rc-frontend.yaml');
    await kubectl('scale', 'rc', 'frontend', '--replicas=5');
    await chapter.readyPods(5);
    await kubectl('scale', 'rc', 'frontend', '--replicas=2');
    await chapter.readyPods(2);
    const { status } = await eventually('status follows', async () => {
      const rc = await chapter.get<ReplicationController>('rc', 'frontend');
      return rc.status?.readyReplicas === 2 ? rc : undefined;
    });
    expect(status?.replicas).toBe(2);
  });

  it('brings another version pod by pod, once the image in its template is another', async () => {
    await chapter.apply('rc-frontend.yaml');
    const before = await chapter.readyPods(3);
    await kubectl('set', 'image', 'rc/frontend', 'tomcat-demo=tomcat:9');
    expect(uidsOf(await chapter.readyPods(3))).toEqual(uidsOf(before));
    for (const [index, { metadata }] of before.entries()) {
      await kubectl('delete', 'pod', metadata.name);
      const pods = await chapter.readyPods(3);
      const updated = pods.filter(({ spec }) => spec.containers[0]!.image === 'tomcat:9');
      expect(updated).toHaveLength(index + 1);
    }
  });
});

describe('Replica Set', () => {
  it.each(['extensions', 'apps'])(
    'in its form of %s selects with matchLabels and matchExpressions',
    async (home) => {
      await chapter.apply(`rs-frontend-${home}.yaml`);
      await chapter.readyPods(1);
      const set = await chapter.get<ReplicaSet>('rs', 'frontend');
      expect(set.apiVersion).toBe('apps/v1');
      expect(set.spec.selector.matchExpressions).toEqual([
        { key: 'tier', operator: 'In', values: ['frontend'] },
      ]);
    },
  );

  it.each([
    ['In', '{key: tier, operator: In, values: [frontend, backend]}'],
    ['NotIn', '{key: tier, operator: NotIn, values: [backend]}'],
    ['Exists', '{key: tier, operator: Exists}'],
    ['DoesNotExist', '{key: track, operator: DoesNotExist}'],
  ])('supports selectors of sets: %s', async (_, expression) => {
    await kubectl('run', 'found', '--image=tomcat', '--labels=tier=frontend');
    await kubectl('run', 'other', '--image=tomcat', '--labels=tier=frontend,track=canary');
    await kubectl('run', 'stranger', '--image=tomcat', '--labels=app=stranger');
    await chapter.apply('rs-frontend-apps.yaml', (text) =>
      text.replace(/\{ key: tier.*\}/, `${expression}\n      - {key: track, operator: DoesNotExist}`),
    );
    await chapter.readyPods(3);
    const set = await chapter.get<ReplicaSet>('rs', 'frontend');
    const owned = (await chapter.list<Pod>('pods')).filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ uid }) => uid === set.metadata.uid),
    );
    expect(namesOf(owned)).toEqual(['found']);
  });

  it('which a ReplicationController does not', async () => {
    const tried = chapter.apply('rc-frontend.yaml', (text) =>
      text.replace('    tier: frontend\n  template', '    matchLabels:\n      tier: frontend\n  template'),
    );
    await expect(tried).rejects.toThrow(/spec\.selector/);
  });

  it('does not roll to another version by itself, as a Deployment does', async () => {
    await chapter.apply('rs-frontend-apps.yaml');
    const before = await chapter.readyPods(1);
    await kubectl('set', 'image', 'rs/frontend', 'tomcat-demo=tomcat:9');
    await eventually('the change is seen', async () => {
      const { metadata, status } = await chapter.get<ReplicaSet>('rs', 'frontend');
      return status?.observedGeneration === metadata.generation;
    });
    expect(uidsOf(await chapter.readyPods(1))).toEqual(uidsOf(before));
    await expect(kubectl('rollout', 'status', 'rs/frontend')).rejects.toThrow('no status viewer');
  });
});

describe('Deployment', () => {
  const rolledOut = (): Promise<string> =>
    kubectl('rollout', 'status', 'deployment/frontend', '--timeout=60s');
  const deployment = (): Promise<Deployment> => chapter.get<Deployment>('deployment', 'frontend');
  const condition = async (type: string): Promise<{ status: string; reason?: string } | undefined> =>
    (await deployment()).status?.conditions?.find((each) => each.type === type);

  async function deploy(home = 'apps', replicas = 3): Promise<void> {
    await chapter.apply(`deployment-frontend-${home}.yaml`, (text) =>
      text.replace('replicas: 1', `replicas: ${replicas}`),
    );
    await rolledOut();
    await chapter.readyPods(replicas);
  }

  async function update(image: string): Promise<void> {
    await kubectl('set', 'image', 'deployment/frontend', `tomcat-demo=${image}`);
    await rolledOut();
    expect(imagesOf(await chapter.readyPods(3))).toEqual([image]);
  }

  it('tells at any time how far it is on its way to N pods', async () => {
    await chapter.apply('deployment-frontend-apps.yaml', (text) =>
      text.replace('replicas: 1', 'replicas: 3'),
    );
    const told = await rolledOut();
    expect(told).toMatch(
      /^(?:Waiting for deployment "frontend" rollout to finish: [0-2] .*\n)*deployment "frontend" successfully rolled out\n$/,
    );
  });

  it.each(['extensions', 'apps'])(
    'in its form of %s makes a Replica Set, which makes the pods',
    async (home) => {
      await deploy(home, 1);
      const [set, ...others] = await chapter.list<ReplicaSet>('rs');
      expect(others).toEqual([]);
      expect(set!.metadata.ownerReferences).toMatchObject([{ kind: 'Deployment', name: 'frontend' }]);
      const [pod] = await chapter.readyPods(1);
      expect(pod!.metadata.ownerReferences).toMatchObject([{ kind: 'ReplicaSet', name: set!.metadata.name }]);
    },
  );

  it('shows in its status whether it is done', async () => {
    await deploy();
    const { metadata, status } = await deployment();
    expect(status).toMatchObject({
      observedGeneration: metadata.generation,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    });
    expect(await condition('Progressing')).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
    });
  });

  it('is updated to new pods, for instance with another image', async () => {
    await deploy();
    await update('tomcat:9');
  });

  it('goes back to an earlier revision', async () => {
    await deploy();
    await update('tomcat:9');
    await update('tomcat:10');
    expect(await kubectl('rollout', 'history', 'deployment/frontend')).toMatch(/^1 .*\n2 .*\n3 /m);
    await kubectl('rollout', 'undo', 'deployment/frontend', '--to-revision=1');
    await rolledOut();
    expect(imagesOf(await chapter.readyPods(3))).toEqual(['tomcat']);
    expect((await deployment()).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('4');
    expect(await kubectl('rollout', 'history', 'deployment/frontend')).toMatch(/^2 .*\n3 .*\n4 /m);
  });

  it('takes several changes of its template while it is paused, and makes one release of them', async () => {
    await deploy();
    const before = await chapter.readyPods(3);
    await kubectl('rollout', 'pause', 'deployment/frontend');
    await kubectl('set', 'image', 'deployment/frontend', 'tomcat-demo=tomcat:9');
    await kubectl('set', 'resources', 'deployment/frontend', '--requests=cpu=100m');
    await kubectl('set', 'env', 'deployment/frontend', 'COLOR=blue');
    await eventually('the changes are seen', async () => {
      const { metadata, status } = await deployment();
      return status?.observedGeneration === metadata.generation;
    });
    expect(uidsOf(await chapter.readyPods(3))).toEqual(uidsOf(before));
    expect(await chapter.list('rs')).toHaveLength(1);
    await kubectl('rollout', 'resume', 'deployment/frontend');
    await rolledOut();
    for (const { spec } of await chapter.readyPods(3)) {
      expect(spec.containers[0]).toMatchObject({
        image: 'tomcat:9',
        resources: { requests: { cpu: '100m' } },
        env: [{ name: 'COLOR', value: 'blue' }],
      });
    }
    expect(await chapter.list('rs')).toHaveLength(2);
  });

  it('is scaled for more load', async () => {
    await deploy();
    await kubectl('scale', 'deployment/frontend', '--replicas=8');
    await rolledOut();
    await chapter.readyPods(8);
    expect(await chapter.list('rs')).toHaveLength(1);
  });

  it('shows in its status that a release does not succeed', async () => {
    await deploy();
    await kubectl('patch', 'deployment/frontend', '-p', '{"spec":{"progressDeadlineSeconds":2}}');
    await kubectl('set', 'image', 'deployment/frontend', 'tomcat-demo=missing/tomcat');
    await expect(rolledOut()).rejects.toThrow('deployment "frontend" exceeded its progress deadline');
    expect(await condition('Progressing')).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
    });
    // Most of the old pods serve on.
    expect(await condition('Available')).toMatchObject({ status: 'True' });
  });

  it('removes Replica Sets of old revisions that are not needed any more', async () => {
    await deploy();
    await kubectl('patch', 'deployment/frontend', '-p', '{"spec":{"revisionHistoryLimit":1}}');
    for (const image of ['tomcat:9', 'tomcat:10', 'tomcat:11']) await update(image);
    await eventually('two are left', async () => (await chapter.list('rs')).length === 2);
    const sets = await chapter.list<ReplicaSet>('rs');
    const images = new Set(sets.map(({ spec }) => spec.template!.spec!.containers[0]!.image));
    expect(images).toEqual(new Set(['tomcat:10', 'tomcat:11']));
  });

  it('has the columns DESIRED, CURRENT, UP-TO-DATE and AVAILABLE in the old form, READY in the new one', async () => {
    await deploy();
    expect(await kubectl('get', 'deployments.v1beta1.extensions', 'frontend')).toMatch(
      /^NAME +DESIRED +CURRENT +UP-TO-DATE +AVAILABLE +AGE\nfrontend +3 +3 +3 +3 +/,
    );
    expect(await kubectl('get', 'deployment', 'frontend')).toMatch(
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nfrontend +3\/3 +3 +3 +/,
    );
  });

  it('takes all it made along when it is deleted', async () => {
    await deploy();
    await update('tomcat:9');
    await kubectl('delete', 'deployment', 'frontend');
    await eventually('nothing is left', async () => {
      const [sets, pods] = [await chapter.list('rs'), await chapter.list('pods')];
      return sets.length === 0 && pods.length === 0;
    });
  });
});

describe('Horizontal Pod Autoscaler', () => {
  it('is served as autoscaling/v1 and v2 alike', async () => {
    await chapter.apply('hpa-php-apache.yaml', (text) => text.replace(/\n *namespace: default/, ''));
    const v1 = await kubectl(
      'get',
      'horizontalpodautoscalers.v1.autoscaling',
      'php-apache',
      '-o',
      'jsonpath={.spec.targetCPUUtilizationPercentage}',
    );
    const v2 = await kubectl(
      'get',
      'hpa',
      'php-apache',
      '-o',
      'jsonpath={.spec.metrics[0].resource.target.averageUtilization}',
    );
    expect([v1, v2]).toEqual(['90', '90']);
  });
});
