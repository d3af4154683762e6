/** "Configure Liveness, Readiness and Startup Probes" of the Kubernetes documentation, typed as it says. */

import type { EndpointSlice, Pod } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/cluster.ts';
import { Connection, readTarget } from '../support/connection.ts';
import { Tutorial } from '../support/tutorial.ts';

/** A minute of the page passes in twelve seconds, and a probe has a fifth of a second for its second. */
const SPEED = 5;

let tutorial: Tutorial;

beforeAll(async () => {
  tutorial = await Tutorial.open({ nodes: 3, speed: SPEED });
});
afterAll(() => tutorial.close());

const restartsOf = (pod: string): Promise<string> =>
  tutorial.type(`kubectl get pod ${pod} -o jsonpath='{.status.containerStatuses[*].restartCount}'`);

it.concurrent('a liveness command restarts the container half a minute after its file is gone', async () => {
  await tutorial.type('kubectl apply -f pods/probe/exec-liveness.yaml');
  await tutorial.until('liveness-exec', 'phase', 'Running');
  await tutorial.untilEvents(
    'liveness-exec',
    'Normal Created Created container: liveness',
    'Normal Started Started container liveness',
  );
  expect(await tutorial.type('kubectl describe pod liveness-exec')).not.toContain('probe failed: cat');
  await tutorial.untilRestarts('liveness-exec', 1);
  await tutorial.untilEvents(
    'liveness-exec',
    "Warning Unhealthy Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory",
    'Normal Killing Container liveness failed liveness probe, will be restarted',
  );
  expect(await tutorial.type('kubectl get pod liveness-exec')).toMatch(
    /^liveness-exec +1\/1 +Running +1 \(\d+s ago\) +\d+[ms]/m,
  );
  const { status } = await tutorial.pod('liveness-exec');
  const { startedAt, finishedAt } = status!.containerStatuses![0]!.lastState!.terminated!;
  // Three failures after the half minute, five seconds apart; then the grace period: sh as process 1 ignores TERM.
  const lived = (parseTime(finishedAt!) - parseTime(startedAt!)) / 1_000;
  expect(lived).toBeGreaterThanOrEqual(30 + 10 + 30);
  expect(lived).toBeLessThan(150);
});

it.concurrent('a liveness HTTP request restarts the container once it answers 500', async () => {
  await tutorial.type('kubectl apply -f pods/probe/http-liveness.yaml');
  await tutorial.untilRestarts('liveness-http', 1);
  await tutorial.untilEvents(
    'liveness-http',
    'Warning Unhealthy Liveness probe failed: HTTP probe failed with statuscode: 500',
    'Normal Killing Container liveness failed liveness probe, will be restarted',
  );
});

it.concurrent('a TCP readiness probe finds the pod ready a quarter of a minute after its start', async () => {
  await tutorial.type('kubectl apply -f pods/probe/tcp-liveness-readiness.yaml');
  await tutorial.untilReady('goproxy');
  const { status } = await tutorial.pod('goproxy');
  const since = status!.conditions!.find(({ type: name }) => name === 'Ready')!.lastTransitionTime!;
  const { startedAt } = status!.containerStatuses![0]!.state!.running!;
  expect(parseTime(since) - parseTime(startedAt!)).toBeGreaterThanOrEqual(15_000);
  expect(await restartsOf('goproxy')).toBe('0');
});

it.concurrent('a gRPC liveness probe asks the health service of etcd', async () => {
  await tutorial.type('kubectl apply -f pods/probe/grpc-liveness.yaml');
  // The same, asked at a port that nobody listens on: the probe does look.
  await tutorial.type(
    "sed 's/with-grpc/without-grpc/; /grpc:/,$ s/2379/9999/' pods/probe/grpc-liveness.yaml | kubectl apply -f -",
  );
  await tutorial.untilRestarts('etcd-without-grpc', 1);
  const { status } = await tutorial.pod('etcd-without-grpc');
  await tutorial.untilEvents(
    'etcd-without-grpc',
    `Warning Unhealthy Liveness probe failed: timeout: failed to connect service "${status?.podIP}:9999" within 1s: context deadline exceeded`,
    'Normal Killing Container etcd failed liveness probe, will be restarted',
  );
  expect(await restartsOf('etcd-with-grpc')).toBe('0');
  expect(await tutorial.type('kubectl describe pod etcd-with-grpc')).not.toContain('failed to connect');
});

it.concurrent('a startup probe gives a slow start its time before the liveness probe counts', async () => {
  await tutorial.type('kubectl apply -f pods/probe/startup.yaml');
  await tutorial.until('slow-starter', 'containerStatuses[0].started', 'false');
  await tutorial.until('slow-starter', 'containerStatuses[0].started', 'true');
  await tutorial.untilEvents(
    'slow-starter',
    'Warning Unhealthy Startup probe failed: HTTP probe failed with statuscode: 503',
  );
  await tutorial.untilReady('slow-starter');
  expect(await restartsOf('slow-starter')).toBe('0');
});

it.concurrent('a probe-level grace period comes before that of the pod', async () => {
  await tutorial.type('kubectl apply -f pods/probe/probe-grace-period.yaml');
  // The container ignores TERM: it ends after its probe's minute, not after the pod's hour.
  await tutorial.untilRestarts('probe-grace-period', 1);
  const { status } = await tutorial.pod('probe-grace-period');
  const { startedAt, finishedAt, exitCode } = status!.containerStatuses![0]!.lastState!.terminated!;
  expect(exitCode).toBe(137);
  expect(parseTime(finishedAt!) - parseTime(startedAt!)).toBeGreaterThanOrEqual(60_000);
});

/** What a watcher has seen of readiness: each change, and when it came to know (real milliseconds). */
interface Changes {
  readonly seen: { ready: boolean; atMs: number }[];
  stop(): void;
}

async function watchReadiness<T>(path: string, isReady: (object: T) => boolean): Promise<Changes> {
  const seen: Changes['seen'] = [];
  const connection = await Connection.open(readTarget(tutorial.cluster.kubeconfig));
  connection.watch(`${path}&watch=1`, (line) => {
    const ready = isReady((JSON.parse(line) as { object: T }).object);
    if (seen.at(-1)?.ready !== ready) seen.push({ ready, atMs: systemClock.now() });
  });
  return { seen, stop: () => connection.close() };
}

it.concurrent('a readiness probe takes the pod out of its Service within a second, and back in', async () => {
  await tutorial.type('kubectl apply -f pods/probe/exec-readiness.yaml');
  const pod = await watchReadiness<Pod>(
    '/api/v1/namespaces/default/pods?labelSelector=test%3Dreadiness',
    ({ status }) =>
      status?.conditions?.some(({ type: name, status: is }) => name === 'Ready' && is === 'True') === true,
  );
  const slice = await watchReadiness<EndpointSlice>(
    '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dreadiness',
    ({ endpoints }) => endpoints?.some(({ conditions }) => conditions?.ready === true) === true,
  );
  const turned = (times: number): Promise<boolean> =>
    eventually(`${times} changes`, async () => pod.seen.length >= times && slice.seen.length >= times);
  // Not ready at first, and then ready.
  await turned(2);
  await tutorial.type('kubectl exec readiness-exec -- rm /tmp/healthy');
  await turned(3);
  await tutorial.type('kubectl exec readiness-exec -- touch /tmp/healthy');
  await turned(4);
  pod.stop();
  slice.stop();
  const expected = [false, true, false, true];
  expect([pod, slice].map(({ seen }) => seen.map(({ ready }) => ready))).toEqual([expected, expected]);
  const delays = pod.seen.map(({ atMs }, change) => slice.seen[change]!.atMs - atMs);
  expect(Math.max(...delays.slice(1))).toBeLessThan(1_000);
  await tutorial.untilEvents(
    'readiness-exec',
    "Warning Unhealthy Readiness probe failed: cat: can't open '/tmp/healthy': No such file or directory",
  );
});
