import { describe, expect, it } from 'vitest';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { verdict } from '../test-support/verdicts.ts';

const cordoned = { name: 'n1', spec: { unschedulable: true } };
const key = 'node.kubernetes.io/unschedulable';

describe('NodeUnschedulable', () => {
  it.each([
    { pod: 'without tolerations', tolerations: [], reasons: ['node(s) were unschedulable'] },
    {
      pod: 'that tolerates the taint',
      tolerations: [{ key, operator: 'Exists', effect: 'NoSchedule' }],
      reasons: [],
    },
    { pod: 'that tolerates everything', tolerations: [{ operator: 'Exists' }], reasons: [] },
    {
      pod: 'that tolerates eviction only',
      tolerations: [{ key, operator: 'Exists', effect: 'NoExecute' }],
      reasons: ['node(s) were unschedulable'],
    },
  ])('gives $reasons for a pod $pod on a cordoned node', ({ tolerations, reasons }) => {
    expect(verdict(nodeUnschedulable, { name: 'p', spec: { tolerations } }, cordoned)).toEqual(reasons);
  });

  it('lets any pod onto other nodes', () => {
    expect(verdict(nodeUnschedulable, { name: 'p' }, { name: 'n1' })).toEqual([]);
  });
});
