import type { Pod, PodStatus } from '@orrery/api/gen/types.ts';
import { POD_DELETION_COST } from '@orrery/api/workloads.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pod, ready } from '../test-support/objects.ts';
import { podsPerNode, rankForDeletion } from './ranking.ts';

const NOW_MS = Date.parse('2026-01-02T00:00:00Z');
const OLD = '2026-01-01T00:00:00Z';
const NEW = '2026-01-01T23:00:00Z';

const node = (nodeName: string): { spec: { nodeName: string } } => ({ spec: { nodeName } });
const cost = (value: string): { annotations: Record<string, string> } => ({
  annotations: { [POD_DELETION_COST]: value },
});
const restarts = (restartCount: number): PodStatus => ({
  ...ready('True', OLD),
  containerStatuses: [{ name: 'web', ready: true, restartCount, image: '', imageID: '' }],
});

test.each<[string, Pod, Pod]>([
  ['unassigned before assigned', pod('first', { status: ready('True') }), pod('second', node('a'))],
  [
    'pending before running',
    pod('first', { ...node('a'), status: { phase: 'Pending' } }),
    pod('second', { ...node('a'), status: ready('False') }),
  ],
  [
    'not ready before ready',
    pod('first', { ...node('a'), status: ready('False') }),
    pod('second', { ...node('a'), status: ready('True') }),
  ],
  [
    'cheap before dear',
    pod('first', { metadata: cost('-5'), ...node('a'), status: ready('True', OLD) }),
    pod('second', { metadata: cost('3'), ...node('a'), status: ready('True', NEW) }),
  ],
  [
    'ready a short time before ready a long time',
    pod('first', { ...node('a'), status: ready('True', NEW) }),
    pod('second', { ...node('a'), status: ready('True', OLD) }),
  ],
  [
    'many restarts before few',
    pod('first', { ...node('a'), status: restarts(4) }),
    pod('second', { ...node('a'), status: restarts(1) }),
  ],
  [
    'young before old',
    pod('first', { metadata: { creationTimestamp: NEW }, ...node('a'), status: ready('True', OLD) }),
    pod('second', { metadata: { creationTimestamp: OLD }, ...node('a'), status: ready('True', OLD) }),
  ],
  [
    'a cost that is no number counts as none',
    pod('first', { metadata: cost('-1'), ...node('a'), status: ready('True') }),
    pod('second', { metadata: cost('-1.5'), ...node('a'), status: ready('True') }),
  ],
])('%s', (_name, first, second) => {
  for (const order of [
    [first, second],
    [second, first],
  ]) {
    expect(rankForDeletion(order, new Map(), NOW_MS).map(({ metadata }) => metadata.name)).toEqual([
      'first',
      'second',
    ]);
  }
});

test('doubled up on a node before alone, counted over all pods of the workload', () => {
  const alone = pod('alone', { ...node('a'), status: ready('True') });
  const doubled = pod('doubled', { ...node('b'), status: ready('True') });
  const sibling = pod('sibling', { ...node('b'), status: ready('True') });
  const ranked = rankForDeletion([alone, doubled], podsPerNode([alone, doubled, sibling]), NOW_MS);
  expect(ranked.map(({ metadata }) => metadata.name)).toEqual(['doubled', 'alone']);
});

test('the order does not depend on the order of the input', () => {
  const anyPod = fc.record({
    name: fc.uuid(),
    nodeName: fc.constantFrom('', 'a', 'b'),
    readiness: fc.constantFrom('True' as const, 'False' as const),
    since: fc.constantFrom(OLD, NEW),
  });
  fc.assert(
    fc.property(fc.uniqueArray(anyPod, { selector: ({ name }) => name, maxLength: 8 }), (inputs) => {
      const pods = inputs.map(({ name, nodeName, readiness, since }) =>
        pod(name, { spec: nodeName === '' ? {} : { nodeName }, status: ready(readiness, since) }),
      );
      const names = (list: Pod[]): string[] =>
        rankForDeletion(list, podsPerNode(list), NOW_MS).map(({ metadata }) => metadata.name);
      expect(names([...pods].reverse())).toEqual(names(pods));
    }),
  );
});
