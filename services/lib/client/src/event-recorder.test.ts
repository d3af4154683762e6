import type { Event, KubeObject } from '@orrery/api/gen/types.ts';
import { Nodes, Pods } from '@orrery/api/resources.ts';
import { alreadyExists, forbidden, notFound, serviceUnavailable } from '@orrery/api/status-error.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { createMetrics } from '@orrery/kit/metrics.ts';
import { describe, expect, it } from 'vitest';
import { createEventBroadcaster, createEventRecorder } from './event-recorder.ts';

const EVENTS = { group: '', resource: 'events' };

const pod = {
  metadata: { namespace: 'default', name: 'web', uid: 'u1', resourceVersion: '7', creationTimestamp: '' },
};

function set() {
  const clock = new ManualClock(Date.parse('2026-03-01T10:00:00Z'));
  const created: Event[] = [];
  const patched: { name: string; patch: Record<string, unknown> }[] = [];
  const state = {
    error: undefined as Error | undefined,
    inFlight: 0,
    most: 0,
    hold: undefined as Promise<void> | undefined,
  };
  const call = async (): Promise<void> => {
    state.inFlight += 1;
    state.most = Math.max(state.most, state.inFlight);
    await state.hold;
    state.inFlight -= 1;
    if (state.error !== undefined) throw state.error;
  };
  const client = {
    async create<T extends KubeObject>(_resource: unknown, object: unknown): Promise<T> {
      await call();
      created.push(structuredClone(object) as Event);
      return object as T;
    },
    async patch<T extends KubeObject>(
      _r: unknown,
      { name }: { name: string },
      _type: unknown,
      patch: unknown,
    ): Promise<T> {
      await call();
      patched.push({ name, patch: patch as Record<string, unknown> });
      return {} as T;
    },
  };
  const options = { client, clock, retryClock: clock, logger: silentLogger() };
  return { clock, created, patched, state, options };
}

const subject = { resource: Pods, object: pod, fieldPath: 'spec.containers{web}' };

describe('a recorder', () => {
  it('writes what kubectl describe shows', async () => {
    const { clock, created, options } = set();
    const recorder = createEventRecorder({ ...options, component: 'kubelet', host: 'node-0' });
    recorder.warning(subject, 'BackOff', 'back-off');
    await clock.advance(100);
    expect(created).toEqual([
      {
        metadata: { namespace: 'default', name: expect.stringMatching(/^web\.[0-9a-f]{15,16}$/) },
        involvedObject: {
          kind: 'Pod',
          namespace: 'default',
          name: 'web',
          uid: 'u1',
          apiVersion: 'v1',
          resourceVersion: '7',
          fieldPath: 'spec.containers{web}',
        },
        reason: 'BackOff',
        message: 'back-off',
        source: { component: 'kubelet', host: 'node-0' },
        firstTimestamp: '2026-03-01T10:00:00Z',
        lastTimestamp: '2026-03-01T10:00:00Z',
        count: 1,
        type: 'Warning',
        reportingComponent: 'kubelet',
        reportingInstance: 'node-0',
      },
    ]);
  });

  it('puts events about cluster-scoped objects into the default namespace', async () => {
    const { clock, created, options } = set();
    const node = { metadata: { name: 'node-0', uid: 'n', resourceVersion: '1', creationTimestamp: '' } };
    createEventRecorder({ ...options, component: 'c' }).normal(
      { resource: Nodes, object: node },
      'Ready',
      'ready',
    );
    await clock.advance(100);
    expect(created[0]?.metadata.namespace).toBe('default');
    expect(created[0]?.involvedObject.namespace).toBeUndefined();
  });

  it('writes repeats that come together once, and later ones as a new count', async () => {
    const { clock, created, patched, options } = set();
    const recorder = createEventRecorder({ ...options, component: 'kubelet' });
    for (let times = 0; times < 3; times += 1) recorder.normal(subject, 'Pulled', 'again');
    await clock.advance(100);
    expect(created.map(({ count }) => count)).toEqual([3]);
    await clock.advance(10_000);
    recorder.normal(subject, 'Pulled', 'again');
    await clock.advance(100);
    expect(created).toHaveLength(1);
    expect(patched).toEqual([
      {
        name: created[0]!.metadata.name,
        patch: { count: 4, message: 'again', lastTimestamp: '2026-03-01T10:00:10Z' },
      },
    ]);
  });

  it('writes an Event again whose life time was over', async () => {
    const { clock, created, options, state } = set();
    const recorder = createEventRecorder({
      ...options,
      client: { ...options.client, patch: () => Promise.reject(notFound(EVENTS, 'web.1')) },
      component: 'kubelet',
    });
    recorder.normal(subject, 'Pulled', 'again');
    await clock.advance(100);
    recorder.normal(subject, 'Pulled', 'again');
    await clock.advance(100);
    expect(state.error).toBeUndefined();
    expect(created.map(({ count }) => count)).toEqual([1, 2]);
  });

  it('tries again while the apiserver is away', async () => {
    const { clock, created, options, state } = set();
    const recorder = createEventRecorder({ ...options, component: 'kubelet' });
    state.error = serviceUnavailable('away');
    recorder.normal(subject, 'Pulled', 'late');
    await clock.advance(3_000);
    state.error = undefined;
    await clock.advance(2_000);
    expect(created).toHaveLength(1);
  });

  it('takes an Event that exists already for its own earlier try', async () => {
    const { clock, patched, options, state } = set();
    const recorder = createEventRecorder({ ...options, component: 'kubelet' });
    state.error = alreadyExists(EVENTS, 'web.1');
    recorder.normal(subject, 'Pulled', 'x');
    await clock.advance(100);
    state.error = undefined;
    recorder.normal(subject, 'Pulled', 'x');
    await clock.advance(100);
    expect(patched).toHaveLength(1);
  });

  it('drops what is refused, and gives up after ten tries', async () => {
    const { clock, created, options, state } = set();
    const recorder = createEventRecorder({ ...options, component: 'kubelet' });
    state.error = forbidden(EVENTS, '', 'the namespace is being terminated');
    recorder.normal(subject, 'A', 'refused');
    await clock.advance(60_000);
    state.error = serviceUnavailable('away');
    recorder.normal(subject, 'B', 'away');
    await clock.advance(60_000);
    state.error = undefined;
    await clock.advance(60_000);
    expect(created).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('never has more than four writes in flight', async () => {
    const { clock, created, options, state } = set();
    const broadcaster = createEventBroadcaster(options);
    let release = (): void => undefined;
    state.hold = new Promise((resolve) => (release = resolve));
    for (let index = 0; index < 50; index += 1) {
      const object = { metadata: { ...pod.metadata, name: `web-${index}`, uid: `u${index}` } };
      const recorder = broadcaster.recorder({ component: `c${index % 3}` });
      recorder.normal({ resource: Pods, object }, 'Created', 'created');
    }
    await clock.advance(100);
    expect(state.inFlight).toBe(4);
    release();
    await clock.advance(100);
    expect(created).toHaveLength(50);
    expect(new Set(created.map(({ metadata }) => metadata.name)).size).toBe(50);
    expect(state.most).toBe(4);
  });

  it('drops and counts what is beyond its queue', async () => {
    const { clock, options } = set();
    const metrics = createMetrics();
    const broadcaster = createEventBroadcaster({ ...options, metrics });
    const recorder = broadcaster.recorder({ component: 'c' });
    for (let index = 0; index < 4_100; index += 1) {
      const object = { metadata: { ...pod.metadata, uid: `u${index}` } };
      recorder.normal({ resource: Pods, object }, 'Created', 'created');
    }
    expect(await metrics.registry.getSingleMetricAsString('events_dropped_total')).toContain(
      'events_dropped_total 4',
    );
    broadcaster.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
