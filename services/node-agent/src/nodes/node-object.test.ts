import { describe, expect, test } from 'vitest';
import { machineNamed } from '../test-support/objects.ts';
import { nodeConditions, nodeDraft } from './node-object.ts';

const NOW_MS = Date.UTC(2026, 0, 1, 0, 1);

describe('the conditions of a node', () => {
  test('say that it is healthy, and beat', () => {
    const early = '2026-01-01T00:00:00Z';
    const before = [
      { type: 'Ready', status: 'Unknown', lastTransitionTime: early, lastHeartbeatTime: early },
      { type: 'DiskPressure', status: 'False', lastTransitionTime: early, lastHeartbeatTime: early },
    ];
    const now = '2026-01-01T00:01:00Z';
    const conditions = nodeConditions(before, NOW_MS);
    expect(
      conditions.map(({ type, status, lastTransitionTime }) => [type, status, lastTransitionTime]),
    ).toEqual([
      ['MemoryPressure', 'False', now],
      ['DiskPressure', 'False', early],
      ['PIDPressure', 'False', now],
      ['Ready', 'True', now],
    ]);
    expect(conditions.every(({ lastHeartbeatTime }) => lastHeartbeatTime === now)).toBe(true);
  });
});

test('a node says where it is and whose', () => {
  expect(
    nodeDraft(machineNamed('node-5'), { agent: 'node-agent-0', address: '127.0.0.1:7444' }, NOW_MS),
  ).toMatchObject({
    metadata: {
      name: 'node-5',
      annotations: { 'orrery.dev/node-agent-address': '127.0.0.1:7444' },
      labels: {
        'kubernetes.io/hostname': 'node-5',
        'orrery.dev/node-agent': 'node-agent-0',
        'topology.kubernetes.io/zone': 'zone-b',
      },
    },
    spec: { podCIDR: '10.244.4.0/24', podCIDRs: ['10.244.4.0/24'] },
    status: {
      capacity: { pods: '110' },
      addresses: [
        { type: 'InternalIP', address: '10.0.0.14' },
        { type: 'Hostname', address: 'node-5' },
      ],
    },
  });
});
