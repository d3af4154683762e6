import type { Taint, Toleration } from '@orrery/api/gen/types.ts';
import { expect, test } from 'vitest';
import { node, pod } from '../test-support/objects.ts';
import { evictingTaints, toleratedMs } from './plan.ts';

const TAINT: Taint = { key: 'k', value: 'v', effect: 'NoExecute' };

test.each<[string, Toleration[], Taint[], number | undefined]>([
  ['not tolerated', [], [TAINT], 0],
  ['for ever', [{ operator: 'Exists' }], [TAINT], undefined],
  ['for a time', [{ operator: 'Exists', tolerationSeconds: 300 }], [TAINT], 300_000],
  [
    'the shortest counts',
    [
      { operator: 'Exists', tolerationSeconds: 300 },
      { key: 'k', operator: 'Exists', tolerationSeconds: 20 },
    ],
    [TAINT],
    20_000,
  ],
  ['less than nothing is nothing', [{ operator: 'Exists', tolerationSeconds: -5 }], [TAINT], 0],
  ['one of two', [{ key: 'k', operator: 'Exists' }], [TAINT, { key: 'l', effect: 'NoExecute' }], 0],
])('tolerated: %s', (_name, tolerations, taints, expected) => {
  expect(toleratedMs(pod('a', { spec: { tolerations } }), taints)).toBe(expected);
});

test('taints about silence count only while the node is silent', () => {
  const taints = [
    TAINT,
    { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
    { key: 'x', effect: 'NoSchedule' },
  ];
  const keys = (readiness: 'True' | 'Unknown'): string[] =>
    evictingTaints({ ...node('a', readiness), spec: { taints } }).map(({ key }) => key);
  expect(keys('True')).toEqual(['k']);
  expect(keys('Unknown')).toEqual(['k', 'node.kubernetes.io/unreachable']);
});
