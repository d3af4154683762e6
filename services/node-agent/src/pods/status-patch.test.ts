import type { PodCondition, PodStatus } from '@orrery/api/gen/types.ts';
import { describe, expect, test } from 'vitest';
import { statusIsCurrent, statusPatch } from './status-patch.ts';

const WANTED: PodStatus = {
  phase: 'Running',
  podIP: '10.244.0.2',
  podIPs: [{ ip: '10.244.0.2' }],
  conditions: [
    { type: 'Initialized', status: 'True' },
    {
      type: 'Ready',
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [a]',
    },
  ],
};

test('the patch means one pod, takes back what is no longer true, and keeps the order', () => {
  expect(statusPatch('uid-1', WANTED)).toEqual({
    metadata: { uid: 'uid-1' },
    status: {
      phase: 'Running',
      podIP: '10.244.0.2',
      podIPs: [{ ip: '10.244.0.2' }, { $patch: 'replace' }],
      '$setElementOrder/conditions': [{ type: 'Initialized' }, { type: 'Ready' }],
      conditions: [
        { type: 'Initialized', status: 'True', reason: null, message: null },
        {
          type: 'Ready',
          status: 'False',
          reason: 'ContainersNotReady',
          message: 'containers with unready status: [a]',
        },
      ],
    },
  });
});

describe('a status need not be written', () => {
  const [initialized, ready] = WANTED.conditions!;
  test.each<[string, PodStatus | undefined, boolean]>([
    ['over none', undefined, false],
    ['over the same', WANTED, true],
    [
      'over one in which others say more',
      { ...WANTED, qosClass: 'Burstable', nominatedNodeName: 'node-3' },
      true,
    ],
    [
      'over one with conditions of others',
      { ...WANTED, conditions: [{ type: 'X', status: 'True' }, ready!, initialized!] },
      true,
    ],
    [
      'over one as the apiserver shows it',
      {
        ...WANTED,
        conditions: WANTED.conditions!.map(
          (each) => ({ ...each, lastProbeTime: null }) as unknown as PodCondition,
        ),
      },
      true,
    ],
    ['over another phase', { ...WANTED, phase: 'Pending' }, false],
    ['over one without a condition', { ...WANTED, conditions: [initialized!] }, false],
    [
      'over a condition with another status',
      { ...WANTED, conditions: [initialized!, { ...ready!, status: 'True' }] },
      false,
    ],
    [
      'over a condition with a reason too many',
      { ...WANTED, conditions: [{ ...initialized!, reason: 'Old' }, ready!] },
      false,
    ],
  ])('%s: %o -> %s', (_, stored, expected) => {
    expect(statusIsCurrent(stored, WANTED)).toBe(expected);
  });
});
