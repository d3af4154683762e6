import { beforeEach, describe, expect, it } from 'vitest';
import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { createMetrics } from '@orrery/kit/metrics.ts';
import type { HttpResponse, NetworkStack } from '../network/network.ts';
import { isolatedNetwork } from '../test-support/cluster-parts.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { boundPod, container, type RecordedEvent, recordersInto } from '../test-support/objects.ts';
import { containerConfigFor, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { ContainerProbes } from './container-probes.ts';

const SECOND_MS = 1_000;
const POD_IP = '10.244.0.5';

let clock: ManualClock;
let probes: ContainerProbes;
let events: RecordedEvent[];
let changes: number;
let stack: NetworkStack;
let metrics: ReturnType<typeof createMetrics>;
/** What the server in the pod answers now. */
let answer: () => HttpResponse | Promise<HttpResponse>;
/** Milliseconds since the start at which it was asked for the path. */
let asked: Record<string, number[]>;
let beganMs: number;

beforeEach(() => {
  clock = new ManualClock();
  beganMs = clock.now();
  events = [];
  changes = 0;
  asked = {};
  answer = () => ({ status: 200 });
  metrics = createMetrics();
  const network = isolatedNetwork(() => '10.0.0.1');
  stack = network.attach({ ...sandboxConfigFor('uid'), podUid: 'uid', ip: POD_IP });
  stack.listen(80, {
    http: ({ target }) => {
      (asked[target] ??= []).push(clock.now() - beganMs);
      return answer();
    },
  });
  const sandbox: PodSandbox = {
    ...sandboxConfigFor('uid'),
    id: 's1',
    state: 'SANDBOX_READY',
    ip: POD_IP,
    createdAtMs: beganMs,
  };
  probes = new ContainerProbes({
    clock,
    runtime: {
      exec: () => expect.unreachable(),
      podSandboxStatus: (id) => (id === 's1' ? sandbox : undefined),
    },
    network,
    events: recordersInto(events),
    metrics,
    onChange: () => (changes += 1),
  });
});

function podWith(spec: Partial<ContainerSpec>, metadata: Partial<Pod['metadata']> = {}): Pod {
  return boundPod('web', { containers: [container('web', spec)] }, { uid: 'uid', ...metadata }) as Pod;
}

/** The container of that pod, started now. */
function running(id = 'c1', startedAtMs = clock.now()): Container {
  return {
    ...containerConfigFor('web'),
    id,
    podSandboxId: 's1',
    imageRef: '',
    state: 'CONTAINER_RUNNING',
    createdAtMs: startedAtMs,
    startedAtMs,
  };
}

const get = (path: string) => ({ httpGet: { port: 80, path } });

function messages(): string[] {
  return events.map(({ type, reason, fieldPath, message }) => `${type} ${reason} ${fieldPath}: ${message}`);
}

describe('a container without probes', () => {
  it('is ready and started, and costs no timer', () => {
    const web = running();
    probes.follow(podWith({}), [web]);
    expect(probes.isReady(web)).toBe(true);
    expect(probes.hasStarted(web)).toBe(true);
    expect(probes.failure(web)).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a readiness probe', () => {
  it('runs when the initial delay is over, then once per period, and wakes the pod only on news', async () => {
    const web = running();
    const readinessProbe = { ...get('/ready'), initialDelaySeconds: 3, periodSeconds: 5 };
    probes.follow(podWith({ readinessProbe }), [web]);
    await clock.advance(2_999);
    expect(probes.isReady(web)).toBe(false);
    await clock.advance(1);
    expect(probes.isReady(web)).toBe(true);
    await clock.advance(12 * SECOND_MS);
    expect(asked['/ready']).toEqual([3_000, 8_000, 13_000]);
    expect(changes).toBe(1);
    expect(events).toEqual([]);
  });

  it('takes a container out after the threshold and back in on the first success', async () => {
    const web = running();
    probes.follow(podWith({ readinessProbe: { ...get('/'), periodSeconds: 1, failureThreshold: 2 } }), [web]);
    await clock.advance(0);
    answer = () => ({ status: 500 });
    await clock.advance(SECOND_MS);
    expect(probes.isReady(web)).toBe(true);
    await clock.advance(SECOND_MS);
    expect(probes.isReady(web)).toBe(false);
    expect(probes.failure(web)).toBeUndefined();
    answer = () => ({ status: 200 });
    await clock.advance(SECOND_MS);
    expect(probes.isReady(web)).toBe(true);
    expect(changes).toBe(3);
    const failed =
      'Warning Unhealthy spec.containers{web}: Readiness probe failed: HTTP probe failed with statuscode: 500';
    expect(messages()).toEqual([failed, failed]);
  });

  it('begins anew with a new container', async () => {
    const pod = podWith({ readinessProbe: get('/') });
    const first = running('c1');
    probes.follow(pod, [first]);
    await clock.advance(0);
    expect(probes.isReady(first)).toBe(true);
    first.state = 'CONTAINER_EXITED';
    probes.follow(pod, [first]);
    expect(clock.pendingTimers).toBeLessThanOrEqual(1);
    answer = () => ({ status: 500 });
    const second = running('c2');
    probes.follow(pod, [first, second]);
    await clock.advance(0);
    expect(probes.isReady(second)).toBe(false);
  });

  it('goes on while the pod is being deleted', async () => {
    const web = running();
    const spec = {
      readinessProbe: { ...get('/ready'), periodSeconds: 1 },
      livenessProbe: { ...get('/live'), periodSeconds: 1 },
    };
    probes.follow(podWith(spec), [web]);
    await clock.advance(0);
    probes.follow(podWith(spec, { deletionTimestamp: '2026-01-01T00:00:30Z' }), [web]);
    answer = () => ({ status: 500 });
    await clock.advance(4 * SECOND_MS);
    expect(probes.isReady(web)).toBe(false);
    expect(asked['/live']).toEqual([0]);
    expect(probes.failure(web)).toBeUndefined();
    probes.forget('uid');
    await clock.advance(10 * SECOND_MS);
    expect(asked['/ready']).toHaveLength(5);
  });
});

describe('a liveness probe', () => {
  it('fails the container after the threshold, and rests until there is a new one', async () => {
    const pod = podWith({ livenessProbe: { ...get('/live'), periodSeconds: 1, failureThreshold: 3 } });
    const first = running('c1');
    answer = () => ({ status: 503 });
    probes.follow(pod, [first]);
    await clock.advance(SECOND_MS);
    expect(probes.failure(first)).toBeUndefined();
    await clock.advance(SECOND_MS);
    expect(probes.failure(first)).toBe('liveness');
    await clock.advance(10 * SECOND_MS);
    expect(asked['/live']).toEqual([0, 1_000, 2_000]);
    expect(probes.isReady(first)).toBe(true);
    const second = running('c2');
    probes.follow(pod, [{ ...first, state: 'CONTAINER_EXITED' }, second]);
    expect(probes.failure(second)).toBeUndefined();
    await clock.advance(2 * SECOND_MS);
    expect(probes.failure(second)).toBe('liveness');
  });

  it('counts an answer that does not come in time as a failure, and leaves out the turns that it took', async () => {
    const web = running();
    answer = () => new Promise(() => undefined);
    const livenessProbe = { ...get('/live'), periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 1 };
    probes.follow(podWith({ livenessProbe }), [web]);
    await clock.advance(2_999);
    expect(probes.failure(web)).toBeUndefined();
    await clock.advance(1);
    expect(probes.failure(web)).toBe('liveness');
    expect(messages()).toEqual([
      `Warning Unhealthy spec.containers{web}: Liveness probe failed: Get "http://${POD_IP}:80/live": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    ]);
  });

  it('hears nothing of an answer that comes too late', async () => {
    const late = Promise.withResolvers<HttpResponse>();
    const web = running();
    answer = () => late.promise;
    probes.follow(podWith({ livenessProbe: { ...get('/live'), failureThreshold: 2 } }), [web]);
    await clock.advance(SECOND_MS);
    late.resolve({ status: 500 });
    await clock.advance(SECOND_MS);
    expect(events).toHaveLength(1);
    expect(probes.failure(web)).toBeUndefined();
  });

  it('says nothing about a container that ended meanwhile', async () => {
    const web = running();
    answer = () => {
      web.state = 'CONTAINER_EXITED';
      return { status: 500 };
    };
    probes.follow(podWith({ livenessProbe: { ...get('/live'), failureThreshold: 1 } }), [web]);
    await clock.advance(0);
    expect(events).toEqual([]);
    expect(changes).toBe(0);
  });

  it('does not count what could not be carried out', async () => {
    const web = running();
    const livenessProbe = { httpGet: { port: 'nameless' }, periodSeconds: 1, failureThreshold: 1 };
    probes.follow(podWith({ livenessProbe }), [web]);
    await clock.advance(5 * SECOND_MS);
    expect(probes.failure(web)).toBeUndefined();
    expect(messages()[0]).toBe(
      'Warning Unhealthy spec.containers{web}: Liveness probe errored and resulted in unknown state: strconv.Atoi: parsing "nameless": invalid syntax',
    );
  });

  it('succeeds with a warning on a redirect to elsewhere', async () => {
    answer = () => ({ status: 302, headers: { location: 'http://example.com/' }, body: 'Found' });
    probes.follow(podWith({ livenessProbe: get('/') }), [running()]);
    await clock.advance(0);
    expect(messages()).toEqual([
      'Warning ProbeWarning spec.containers{web}: Liveness probe warning: Probe terminated redirects, Response body: Found',
    ]);
  });
});

describe('a startup probe', () => {
  const spec: Partial<ContainerSpec> = {
    startupProbe: { ...get('/start'), periodSeconds: 10, failureThreshold: 3 },
    livenessProbe: { ...get('/live'), periodSeconds: 1 },
    readinessProbe: { ...get('/ready'), periodSeconds: 1 },
  };

  it('keeps the others waiting until it has succeeded, and is then over', async () => {
    const web = running();
    answer = () => ({ status: 500 });
    probes.follow(podWith(spec), [web]);
    await clock.advance(19 * SECOND_MS);
    expect(probes.hasStarted(web)).toBe(false);
    expect(Object.keys(asked)).toEqual(['/start']);
    answer = () => ({ status: 200 });
    await clock.advance(SECOND_MS);
    expect(probes.hasStarted(web)).toBe(true);
    expect(probes.isReady(web)).toBe(true);
    await clock.advance(30 * SECOND_MS);
    expect(asked['/start']).toEqual([0, 10_000, 20_000]);
    expect(asked['/live']!.slice(0, 2)).toEqual([20_000, 21_000]);
  });

  it('fails the container after its threshold', async () => {
    const web = running();
    answer = () => ({ status: 500 });
    probes.follow(podWith(spec), [web]);
    await clock.advance(20 * SECOND_MS);
    expect(probes.failure(web)).toBe('startup');
    expect(probes.isReady(web)).toBe(false);
    await clock.advance(60 * SECOND_MS);
    expect(asked['/start']).toHaveLength(3);
    expect(asked['/live']).toBeUndefined();
  });
});

describe('a container that ran before the agent did', () => {
  const reported = (ready: boolean, started: boolean, id = 'c1'): Pod => ({
    ...podWith({ startupProbe: get('/start'), readinessProbe: get('/ready') }),
    status: {
      containerStatuses: [
        {
          name: 'web',
          ready,
          started,
          restartCount: 0,
          image: '',
          imageID: '',
          containerID: `orrery://${id}`,
        },
      ],
    },
  });

  it('stays what it was reported to be until it is probed, within a period', async () => {
    const web = running('c1', beganMs - 60_000);
    probes.follow(reported(true, true), [web]);
    expect(probes.hasStarted(web)).toBe(true);
    expect(probes.isReady(web)).toBe(true);
    await clock.advance(10 * SECOND_MS);
    expect(asked['/ready']!.length).toBeGreaterThanOrEqual(1);
    expect(asked['/start']).toBeUndefined();
    expect(changes).toBe(0);
  });

  it('is not taken for one that was there before it', () => {
    const web = running('c2', beganMs - 60_000);
    probes.follow(reported(true, true, 'c1'), [web]);
    expect(probes.hasStarted(web)).toBe(false);
    expect(probes.isReady(web)).toBe(false);
  });
});

describe('the probes of sidecars', () => {
  it('run as those of others do', async () => {
    const sidecar = container('proxy', { restartPolicy: 'Always', readinessProbe: get('/proxy') });
    const pod = boundPod('web', { initContainers: [sidecar] }, { uid: 'uid' }) as Pod;
    const proxy = { ...running(), name: 'proxy' };
    answer = () => ({ status: 500 });
    probes.follow(pod, [proxy]);
    await clock.advance(0);
    expect(messages()[0]).toMatch(/^Warning Unhealthy spec\.initContainers\{proxy\}: Readiness probe failed/);
  });
});

describe('probes are counted', () => {
  it('by kind and result', async () => {
    probes.follow(podWith({ readinessProbe: { ...get('/'), periodSeconds: 1 } }), [running()]);
    await clock.advance(2 * SECOND_MS);
    expect(await metrics.registry.getSingleMetricAsString('prober_probe_total')).toContain(
      'prober_probe_total{probe_type="Readiness",result="successful"} 3',
    );
  });
});
