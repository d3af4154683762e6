/** What pods write and are given: it outlives containers, pods and the node agent as it should. On a whole cluster. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

/** The sync period of a minute passes in seconds. */
const SPEED = 20;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, nodeAgents: 2, speed: SPEED });
});
afterAll(() => cluster.remove());

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (...items: object[]): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });
const execute = (pod: string, script: string): Promise<string> =>
  kubectl('exec', pod, '--', 'sh', '-c', script);

function shellPod(name: string, script: string, volumes: object[], more: object = {}): object {
  const volumeMounts = volumes.map((volume) => {
    const { name: volumeName } = volume as { name: string };
    return { name: volumeName, mountPath: `/${volumeName}` };
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', script], volumeMounts }],
      volumes,
      ...more,
    },
  };
}

const isReady = (name: string): Promise<string> =>
  kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s');

describe('a ConfigMap', () => {
  it('holds a pod back until it is there, and is followed after the sync period', async () => {
    await apply(
      shellPod('configured', 'sleep 100000', [{ name: 'settings', configMap: { name: 'settings' } }]),
    );
    await eventually('the event says what is missing', async () =>
      (await kubectl('get', 'events')).includes(
        'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found',
      ),
    );
    await kubectl('create', 'configmap', 'settings', '--from-literal=level=low');
    await isReady('configured');
    expect(await execute('configured', 'cat /settings/level')).toBe('low');
    await kubectl('patch', 'configmap', 'settings', '-p', '{"data":{"level":"high"}}');
    await eventually(
      'the new content',
      async () => (await execute('configured', 'cat /settings/level')) === 'high',
    );
  });
});

describe('a claim', () => {
  it('keeps its data for the pod that comes next, on whatever node of whatever agent', async () => {
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    await apply(claim, shellPod('first', 'echo kept > /data/file; sleep 100000', volumes));
    await isReady('first');
    await eventually('the file', async () => (await execute('first', 'cat /data/file')) === 'kept\n');
    const { spec } = await cluster.get<Pod>('pod/first');
    await kubectl('delete', 'pod', 'first');
    const elsewhere = { nodeName: spec.nodeName === 'node-1' ? 'node-2' : 'node-1' };
    await apply(shellPod('second', 'sleep 100000', volumes, elsewhere));
    await isReady('second');
    expect(await execute('second', 'cat /data/file')).toBe('kept\n');
  });
});
