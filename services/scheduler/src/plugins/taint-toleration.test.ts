import type { Taint, Toleration } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { taintTolerationFilter, taintTolerationScore } from './taint-toleration.ts';
import { scores, snapshotOf, verdict } from '../test-support/verdicts.ts';

const GPU: Taint = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };
const REASON = 'node(s) had untolerated taint {dedicated: gpu}';

describe('TaintToleration filter', () => {
  const cases: { name: string; taints: Taint[]; tolerations?: Toleration[]; reasons: string[] }[] = [
    { name: 'no taints', taints: [], reasons: [] },
    { name: 'a taint and no toleration', taints: [GPU], reasons: [REASON] },
    {
      name: 'a taint without a value',
      taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
      reasons: ['node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }'],
    },
    { name: 'NoExecute', taints: [{ ...GPU, effect: 'NoExecute' }], reasons: [REASON] },
    { name: 'PreferNoSchedule', taints: [{ ...GPU, effect: 'PreferNoSchedule' }], reasons: [] },
    { name: 'the same value', taints: [GPU], tolerations: [{ key: 'dedicated', value: 'gpu' }], reasons: [] },
    {
      name: 'the same value, with Equal and the effect',
      taints: [GPU],
      tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'gpu', effect: 'NoSchedule' }],
      reasons: [],
    },
    {
      name: 'another value',
      taints: [GPU],
      tolerations: [{ key: 'dedicated', value: 'db' }],
      reasons: [REASON],
    },
    {
      name: 'another key',
      taints: [GPU],
      tolerations: [{ key: 'other', operator: 'Exists' }],
      reasons: [REASON],
    },
    {
      name: 'another effect',
      taints: [GPU],
      tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }],
      reasons: [REASON],
    },
    { name: 'Exists', taints: [GPU], tolerations: [{ key: 'dedicated', operator: 'Exists' }], reasons: [] },
    { name: 'Exists without a key', taints: [GPU], tolerations: [{ operator: 'Exists' }], reasons: [] },
    {
      name: 'an unknown operator',
      taints: [GPU],
      tolerations: [{ key: 'dedicated', operator: 'Like', value: 'gpu' }],
      reasons: [REASON],
    },
    {
      name: 'two taints, of which the second is not tolerated',
      taints: [{ key: 'a', effect: 'NoSchedule' }, GPU],
      tolerations: [{ key: 'a', operator: 'Exists' }],
      reasons: [REASON],
    },
  ];
  it.each(cases)('decides on $name', ({ taints, tolerations = [], reasons }) => {
    const node = { name: 'n1', spec: { taints } };
    expect(verdict(taintTolerationFilter, { name: 'p', spec: { tolerations } }, node)).toEqual(reasons);
  });
});

describe('TaintToleration score', () => {
  const soft = (key: string): Taint => ({ key, effect: 'PreferNoSchedule' });

  it('prefers nodes with fewer soft taints that the pod does not tolerate', () => {
    const cache = snapshotOf([
      { name: 'clean' },
      { name: 'one', spec: { taints: [soft('a')] } },
      { name: 'two', spec: { taints: [soft('a'), soft('b'), GPU] } },
      { name: 'tolerated', spec: { taints: [soft('c')] } },
    ]);
    const tolerations = [{ key: 'c', operator: 'Exists' }];
    expect(scores(taintTolerationScore, { name: 'p', spec: { tolerations } }, cache)).toEqual({
      clean: 100,
      one: 50,
      two: 0,
      tolerated: 100,
    });
  });

  it('has no preference where no node has a soft taint', () => {
    expect(
      scores(taintTolerationScore, { name: 'p' }, snapshotOf([{ name: 'n1', spec: { taints: [GPU] } }])),
    ).toBeUndefined();
  });

  it('counts a tolerated soft taint as none', () => {
    const cache = snapshotOf([{ name: 'n1', spec: { taints: [soft('a')] } }]);
    const spec = { tolerations: [{ key: 'a', operator: 'Exists', effect: 'PreferNoSchedule' }] };
    expect(scores(taintTolerationScore, { name: 'p', spec }, cache)).toEqual({ n1: 100 });
  });
});
