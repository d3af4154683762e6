import { expect, test } from 'vitest';
import type { NodeSelectorTerm, PodSpec } from './gen/types.ts';
import { isSelected } from './node-selector.ts';

const NODE = { name: 'node-1', labels: { zone: 'a', disk: 'ssd' } };

function affinity(...nodeSelectorTerms: NodeSelectorTerm[]): Partial<PodSpec> {
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  };
}

const inZone = (...values: string[]): NodeSelectorTerm => ({
  matchExpressions: [{ key: 'zone', operator: 'In', values }],
});

test.each<[string, Partial<PodSpec>, boolean]>([
  ['nothing', {}, true],
  ['its labels', { nodeSelector: { zone: 'a', disk: 'ssd' } }, true],
  ['another label', { nodeSelector: { zone: 'b' } }, false],
  ['one of two terms', affinity(inZone('b'), inZone('a', 'c')), true],
  ['no term that holds', affinity(inZone('b')), false],
  ['an empty term', affinity({}), false],
  [
    'its name',
    affinity({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] }),
    true,
  ],
  [
    'a term that holds, and another label',
    { nodeSelector: { disk: 'hdd' }, ...affinity(inZone('a')) },
    false,
  ],
])('a pod that asks for %s', (_what, spec, expected) => {
  expect(isSelected({ containers: [], ...spec }, NODE)).toBe(expected);
});
