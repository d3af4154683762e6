import type { Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { cells, definitionOf, type Json, SAMPLE_NOW_MS, sample } from './sample-objects.ts';

const running = { name: 'main', ready: true, restartCount: 0, state: { running: {} } };
const spec = { containers: [{ name: 'main' }] };

function row(status: Json, podSpec: Json = spec, metadata: Json = {}): Record<string, unknown> {
  return cells('pods', sample<Pod>('pods', { spec: podSpec, status }, metadata));
}

const text = (status: Json, podSpec?: Json, metadata?: Json): string => {
  const { Ready, Status, Restarts } = row(status, podSpec, metadata);
  return [Ready, Status, Restarts].join(' ');
};

describe('the row of a pod', () => {
  const init = { initContainers: [{ name: 'i1' }, { name: 'i2' }], containers: [{ name: 'main' }] };
  const sidecar = {
    initContainers: [{ name: 's', restartPolicy: 'Always' }],
    containers: [{ name: 'main' }],
  };
  const waiting = (reason: string): Json => ({
    name: 'main',
    ready: false,
    restartCount: 0,
    state: { waiting: { reason } },
  });
  const ended = (terminated: Json): Json => ({
    name: 'main',
    ready: false,
    restartCount: 0,
    state: { terminated },
  });

  it.each<[string, Json, Json | undefined, string]>([
    ['waits for a node', { phase: 'Pending' }, undefined, '0/1 Pending 0'],
    [
      'is being made',
      { phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] },
      undefined,
      '0/1 ContainerCreating 0',
    ],
    ['runs', { phase: 'Running', containerStatuses: [running] }, undefined, '1/1 Running 0'],
    ['is evicted', { phase: 'Failed', reason: 'Evicted' }, undefined, '0/1 Evicted 0'],
    [
      'crashes',
      { phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff')] },
      undefined,
      '0/1 CrashLoopBackOff 0',
    ],
    [
      'completed',
      { phase: 'Succeeded', containerStatuses: [ended({ exitCode: 0, reason: 'Completed' })] },
      undefined,
      '0/1 Completed 0',
    ],
    [
      'ended by code',
      { phase: 'Failed', containerStatuses: [ended({ exitCode: 3 })] },
      undefined,
      '0/1 ExitCode:3 0',
    ],
    [
      'ended by signal',
      { phase: 'Failed', containerStatuses: [ended({ exitCode: 137, signal: 9 })] },
      undefined,
      '0/1 Signal:9 0',
    ],
    [
      'is half done and ready',
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [ended({ exitCode: 0, reason: 'Completed' }), { ...running, name: 'b' }],
      },
      { containers: [{ name: 'main' }, { name: 'b' }] },
      '1/2 Running 0',
    ],
    [
      'is half done and not ready',
      {
        phase: 'Running',
        containerStatuses: [ended({ exitCode: 0, reason: 'Completed' }), { ...running, name: 'b' }],
      },
      { containers: [{ name: 'main' }, { name: 'b' }] },
      '1/2 NotReady 0',
    ],
    [
      'runs its second init container',
      {
        phase: 'Pending',
        initContainerStatuses: [ended({ exitCode: 0 }), { name: 'i2', state: { running: {} } }],
      },
      init,
      '0/1 Init:1/2 0',
    ],
    [
      'failed to initialise',
      { phase: 'Pending', initContainerStatuses: [ended({ exitCode: 1 })] },
      init,
      '0/1 Init:ExitCode:1 0',
    ],
    [
      'fails to initialise again and again',
      { phase: 'Pending', initContainerStatuses: [{ ...waiting('CrashLoopBackOff'), restartCount: 4 }] },
      init,
      '0/1 Init:CrashLoopBackOff 4',
    ],
    [
      'has a sidecar',
      {
        phase: 'Running',
        initContainerStatuses: [
          { name: 's', ready: true, started: true, restartCount: 2, state: { running: {} } },
        ],
        containerStatuses: [running],
      },
      sidecar,
      '2/2 Running 2',
    ],
    [
      'is gated',
      {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
      },
      undefined,
      '0/1 SchedulingGated 0',
    ],
  ])('tells that it %s', (_case, status, podSpec, expected) => {
    expect(text(status, podSpec)).toBe(expected);
  });

  it('tells that it is being deleted, or lost', () => {
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(text({ phase: 'Running', containerStatuses: [running] }, spec, metadata)).toBe(
      '1/1 Terminating 0',
    );
    expect(text({ phase: 'Running', reason: 'NodeLost' }, spec, metadata)).toBe('0/1 Unknown 0');
    expect(text({ phase: 'Succeeded' }, spec, metadata)).toBe('0/1 Succeeded 0');
  });

  it('tells when it was restarted last', () => {
    const lastState = { terminated: { finishedAt: '2025-12-31T23:55:00Z' } };
    expect(
      row({ phase: 'Running', containerStatuses: [{ ...running, restartCount: 3, lastState }] })['Restarts'],
    ).toBe('3 (5m ago)');
  });

  it('has more with -o wide', () => {
    const pod = {
      ...spec,
      nodeName: 'n1',
      readinessGates: [{ conditionType: 'a.io/x' }, { conditionType: 'a.io/y' }],
    };
    const status = { podIPs: [{ ip: '10.1.0.1' }], conditions: [{ type: 'a.io/x', status: 'True' }] };
    expect(row(status, pod)).toMatchObject({
      IP: '10.1.0.1',
      Node: 'n1',
      'Nominated Node': '<none>',
      'Readiness Gates': '1/2',
    });
    expect(row({})).toMatchObject({ IP: '<none>', Node: '<none>', 'Readiness Gates': '<none>' });
  });

  it('is marked when the pod is finished', () => {
    const conditions = (phase: string): unknown =>
      definitionOf('pods').rowConditions?.(sample<Pod>('pods', { status: { phase } }));
    expect(conditions('Succeeded')).toMatchObject([
      { type: 'Completed', status: 'True', reason: 'Succeeded' },
    ]);
    expect(conditions('Failed')).toMatchObject([{ type: 'Completed', reason: 'Failed' }]);
    expect(conditions('Running')).toEqual([]);
  });

  it('shows an age', () => {
    const pod = sample<Pod>('pods', {}, { creationTimestamp: '2025-12-31T23:00:00Z' });
    expect(cells('pods', pod, SAMPLE_NOW_MS)['Age']).toBe('60m');
  });
});
