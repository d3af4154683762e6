import { Nodes, Pods } from '@orrery/api/resources.ts';
import { expect, test } from 'vitest';
import { node, pod, ready } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { podGarbageCollectorController } from './index.ts';
import { Quarantine, QUARANTINE_MS, surplusTerminated } from './plan.ts';

function clusterUnderTest(): WorkloadCluster {
  return new WorkloadCluster([podGarbageCollectorController]);
}

async function look(cluster: WorkloadCluster, afterMs = 0): Promise<void> {
  await cluster.clock.advance(afterMs);
  await cluster.controllers[0]?.reconcile('pods');
}

test('pods of a node that is gone go after the quarantine, and end as failed', async () => {
  const cluster = clusterUnderTest();
  cluster.seed(Nodes, node('here', 'True'));
  cluster.seed(Pods, pod('stays', { spec: { nodeName: 'here' }, status: ready('True') }));
  cluster.seed(Pods, pod('lost', { spec: { nodeName: 'gone' }, status: ready('True') }));
  const phases: (string | undefined)[] = [];
  cluster.informers.of(Pods).addHandler({ update: ({ status }) => void phases.push(status?.phase) });
  await look(cluster);
  await look(cluster, QUARANTINE_MS - 1);
  expect(cluster.writes).toEqual([]);
  await look(cluster, 1);
  expect(cluster.all(Pods).map(({ metadata }) => metadata.name)).toEqual(['stays']);
  expect(phases).toContain('Failed');
});

test('a node that only the cache is missing keeps its pods', async () => {
  const cluster = clusterUnderTest();
  cluster.seed(Pods, pod('a', { spec: { nodeName: 'elsewhere' } }));
  cluster.client.get = () => Promise.resolve(node('elsewhere', 'True') as never);
  await look(cluster);
  await look(cluster, QUARANTINE_MS);
  expect(cluster.all(Pods)).toHaveLength(1);
});

test('a pod that was deleted before it had a node goes at once', async () => {
  const cluster = clusterUnderTest();
  cluster.seed(
    Pods,
    pod('a', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 } }),
  );
  await look(cluster);
  expect(cluster.all(Pods)).toEqual([]);
});

test('of too many ended pods the oldest go', () => {
  const ended = (name: string, creationTimestamp: string): ReturnType<typeof pod> =>
    pod(name, { metadata: { creationTimestamp }, status: { phase: 'Succeeded' } });
  const pods = [
    ended('new', '2026-01-03T00:00:00Z'),
    ended('old', '2026-01-01T00:00:00Z'),
    pod('running'),
    ended('mid', '2026-01-02T00:00:00Z'),
  ];
  expect(surplusTerminated(pods, 1).map(({ metadata }) => metadata.name)).toEqual(['old', 'mid']);
  expect(surplusTerminated(pods, 3)).toEqual([]);
});

test('a node that comes back and goes again is in quarantine anew', () => {
  const quarantine = new Quarantine();
  quarantine.update(new Set(['a']), 0);
  quarantine.update(new Set(), 10_000);
  expect(quarantine.update(new Set(['a']), QUARANTINE_MS)).toEqual([]);
  expect(quarantine.update(new Set(['a']), 2 * QUARANTINE_MS)).toEqual(['a']);
});
