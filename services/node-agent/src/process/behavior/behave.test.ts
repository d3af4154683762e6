import type { Behavior } from '@orrery/api/behavior.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { type ContainerUnderTest, POD_IP, started } from '../../test-support/container-under-test.ts';
import { answerFor, endOf } from './behave.ts';

const MEBIBYTE = 1024 * 1024;

function behaving(behavior: Behavior, more: Parameters<typeof started>[0] = {}): Promise<ContainerUnderTest> {
  return started({ behavior, ...more });
}

describe('the end of a run', () => {
  test.each<[string, Behavior, number, boolean, ReturnType<typeof endOf>]>([
    ['is never', {}, 0, false, undefined],
    ['is when it says', { runSeconds: 5, exitCode: 3 }, 0, false, { seconds: 5, exitCode: 3 }],
    ['is a crash at first', { crashSeconds: [1, 2], runSeconds: 9 }, 1, false, { seconds: 2, exitCode: 1 }],
    ['and no longer a crash', { crashSeconds: [1, 2], runSeconds: 9 }, 2, false, { seconds: 9, exitCode: 0 }],
    ['is at once for an init container', { startupSeconds: 2 }, 0, true, { seconds: 2, exitCode: 0 }],
  ])('%s', (_, behavior, attempt, runsToCompletion, expected) => {
    expect(endOf(behavior, attempt, runsToCompletion)).toEqual(expected);
  });
});

test.each([
  ['/', 1],
  ['/api', 2],
  ['/api/', 3],
  ['/api/v1/x', 4],
  ['/other', undefined],
])('%s is answered by the path that fits best', (path, expected) => {
  const paths = new Map(
    ['/', '/api', '/api/*', '/api/v1*'].map((each, index) => [each, { status: index + 1 }]),
  );
  expect(answerFor(paths, path)?.status).toBe(expected);
});

test('exits with its code when it has run', async () => {
  const container = await behaving({ runSeconds: 5, exitCode: 3 });
  await container.advance(4_999);
  expect(container.exit).toBeUndefined();
  await container.advance(1);
  expect(container.exit).toMatchObject({ exitCode: 3, reason: 'Error' });
  expect(container.clock.pendingTimers).toBe(0);
});

test('listens when it has started, is ready later, and answers by path', async () => {
  const container = await behaving({
    startupSeconds: 2,
    readySeconds: 5,
    http: new Map([[8_080, new Map([['/', { status: 201, body: 'hi', headers: { 'x-a': 'b' } }]])]]),
  });
  await expect(container.get(8_080)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await container.advance(2_000);
  expect(await container.get(8_080)).toMatchObject({ status: 503 });
  await container.advance(3_000);
  expect(await container.get(8_080, '/?q')).toMatchObject({
    status: 201,
    body: 'hi',
    headers: { 'x-a': 'b' },
  });
  expect(await container.get(8_080, '/x')).toMatchObject({ status: 404 });
});

test('answers late when it says so', async () => {
  const container = await behaving({
    http: new Map([[80, new Map([['/', { status: 200, delaySeconds: 3 }]])]]),
  });
  let status = 0;
  void container.get(80).then((answer) => (status = answer.status));
  await container.advance(2_999);
  expect(status).toBe(0);
  await container.advance(1);
  expect(status).toBe(200);
});

test('takes connections, and says how it is', async () => {
  const container = await behaving({ tcp: [3_306], grpc: new Map([[5_000, 'NOT_SERVING']]) });
  const connection = await container.node.connect(POD_IP, 3_306);
  connection.destroy();
  expect(container.pod.ports().map(({ port }) => port)).toEqual([3_306, 5_000]);
});

test('uses what it says, ramps included', async () => {
  const container = await behaving({
    cpu: { from: 100, to: 1_100, seconds: 100 },
    memory: { from: 64 * MEBIBYTE, to: 64 * MEBIBYTE, seconds: 0 },
  });
  expect(container.task.usage()).toMatchObject({ cpuMilli: 100, memoryBytes: 64 * MEBIBYTE });
  await container.advance(50_000);
  expect(container.task.usage().cpuMilli).toBe(600);
  await container.advance(60_000);
  expect(container.task.usage().cpuMilli).toBe(1_100);
  expect(container.clock.pendingTimers).toBe(0);
});

test('is killed when its memory climbs over the limit', async () => {
  const behavior: Behavior = { memory: { from: 0, to: 100 * MEBIBYTE, seconds: 10 } };
  const container = await behaving(behavior, { limits: { memoryLimitBytes: 50 * MEBIBYTE } });
  await container.advance(5_000);
  expect(container.exit).toBeUndefined();
  await container.advance(1_000);
  expect(container.exit).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  expect(container.clock.pendingTimers).toBe(0);
});

test('works for each request', async () => {
  const container = await behaving({
    cpu: { from: 0, to: 0, seconds: 0 },
    cpuSecondsPerRequest: 0.5,
    http: new Map([[80, new Map([['/', { status: 200 }]])]]),
  });
  const answered = container.get(80);
  await container.advance(500);
  expect((await answered).status).toBe(200);
  expect(container.task.usage().cpuTotalMs).toBeCloseTo(500, 6);
});

test('prints its lines, once or again and again', async () => {
  const container = await behaving({ logs: [{ line: 'started' }, { line: 'tick', everySeconds: 5 }] });
  expect(container.log).toBe('started\n');
  await container.advance(10_000);
  expect(container.log).toBe('started\ntick\ntick\n');
});

test('goes on after the agent was gone without printing again what it printed', async () => {
  const container = await started({ behavior: { logs: [{ line: 'started' }] } }, { saved: 'printed' });
  expect([container.log, container.saves]).toEqual(['', 0]);
});

describe('on TERM', () => {
  test.each<[string, Behavior['termination'], number, { exitCode: number } | undefined]>([
    ['it ends at once', undefined, 0, { exitCode: 0 }],
    ['it ends when it says', { seconds: 3, exitCode: 5 }, 3_000, { exitCode: 5 }],
    ['it may not listen', 'ignore', 60_000, undefined],
  ])('%s', async (_, termination, afterMs, expected) => {
    const container = await behaving(termination === undefined ? {} : { termination });
    container.task.signal('SIGTERM');
    await container.advance(Math.max(0, afterMs - 1));
    if (afterMs > 0) expect(container.exit).toBeUndefined();
    await container.advance(1);
    if (expected === undefined) expect(container.exit).toBeUndefined();
    else expect(container.exit).toMatchObject(expected);
    container.task.signal('SIGKILL');
  });
});

test('two containers of a pod cannot listen on one port', async () => {
  const clock = new ManualClock();
  const container = await started({ behavior: { tcp: [80] } }, { clock });
  container.pod.listen(81, { http: () => ({ status: 200 }) });
  const other = await started({ behavior: { tcp: [80], http: new Map([[80, new Map()]]) } });
  expect(other.exit).toMatchObject({ exitCode: 1 });
  expect(other.log).toBe('listen: Address already in use\n');
});
