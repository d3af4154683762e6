import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { AddressRange } from './addresses.ts';
import { SimulatedImages } from './images.ts';
import { sandboxId } from './identity.ts';
import { SimulatedRuntime } from './simulated.ts';
import { containerConfigFor, runtimeParts, sandboxConfigFor } from '../test-support/runtime-parts.ts';

const config = sandboxConfigFor;
const SERVER = containerConfigFor('web');

function runtimeUnderTest({ pullMs = 0, sandboxStartMs = 0, containerStartMs = 0 } = {}) {
  const clock = new ManualClock();
  const range = new AddressRange('10.244.0');
  const changed: string[] = [];
  const stop = new AbortController();
  const runtime = new SimulatedRuntime({
    clock,
    images: new SimulatedImages({ clock, pullTimeMs: () => pullMs }),
    sandboxStartMs,
    containerStartMs,
    ...runtimeParts(),
    addresses: () => ({ hostIp: '10.0.0.10', range }),
    onChange: (uid) => changed.push(uid),
  });
  const waits: number[] = [];
  const context = { signal: stop.signal, onWait: () => void waits.push(clock.now()) };
  return { clock, range, runtime, changed, stop, context, waits };
}

describe('a sandbox', () => {
  test('takes the time of its image and of its start, and gets an address', async () => {
    const { clock, runtime, context, waits } = runtimeUnderTest({ pullMs: 100, sandboxStartMs: 50 });
    const beganMs = clock.now();
    const sandbox = runtime.runPodSandbox(config('a'), context);
    await clock.advance(99);
    expect(runtime.listPodSandbox({})).toEqual([]);
    await clock.advance(50);
    expect(runtime.listPodSandbox({})).toMatchObject([{ state: 'SANDBOX_NOTREADY', ip: '' }]);
    await clock.advance(1);
    expect(await sandbox).toMatchObject({
      state: 'SANDBOX_READY',
      ip: '10.244.0.2',
      createdAtMs: beganMs + 100,
    });
    expect(waits.map((atMs) => atMs - beganMs)).toEqual([0, 100]);
  });

  test.each([50, 120])('given up after %i ms leaves nothing behind', async (afterMs) => {
    const { clock, range, runtime, context, stop } = runtimeUnderTest({ pullMs: 100, sandboxStartMs: 50 });
    const sandbox = runtime.runPodSandbox(config('a'), context);
    await clock.advance(afterMs);
    stop.abort();
    await expect(sandbox).rejects.toBe(stop.signal.reason);
    expect([runtime.listPodSandbox({}), range.taken, clock.pendingTimers]).toEqual([[], 0, 0]);
  });

  test('has the same id whoever asks, and another one for each attempt', () => {
    expect(sandboxId({ uid: 'a', attempt: 0 })).toMatch(/^[0-9a-f]{64}$/);
    expect(sandboxId(config('a', { name: 'other' }))).toBe(sandboxId({ uid: 'a', attempt: 0 }));
    expect(sandboxId({ uid: 'a', attempt: 1 })).not.toBe(sandboxId({ uid: 'a', attempt: 0 }));
  });

  test('stops with its containers and gives its address back, once', async () => {
    const { range, runtime, context } = runtimeUnderTest();
    const { id } = await runtime.runPodSandbox(config('a'), context);
    const container = await runtime.createContainer(id, SERVER);
    await runtime.startContainer(container.id, context);
    await runtime.stopPodSandbox(id);
    await runtime.stopPodSandbox(id);
    expect(runtime.podSandboxStatus(id)?.state).toBe('SANDBOX_NOTREADY');
    expect(runtime.containerStatus(container.id)).toMatchObject({ state: 'CONTAINER_EXITED', exitCode: 137 });
    expect(range.taken).toBe(0);
    runtime.removePodSandbox(id);
    expect([runtime.listPodSandbox({}), runtime.listContainers({}), range.taken]).toEqual([[], [], 0]);
  });

  test('that is removed while it runs gives its address back', async () => {
    const { range, runtime, context } = runtimeUnderTest();
    const { id } = await runtime.runPodSandbox(config('a'), context);
    await runtime.createContainer(id, SERVER);
    runtime.removePodSandbox(id);
    expect([runtime.listPodSandbox({ podUid: 'a' }), runtime.listContainers({}), range.taken]).toEqual([
      [],
      [],
      0,
    ]);
  });

  test('that has stopped takes no containers', async () => {
    const { runtime, context } = runtimeUnderTest();
    const { id } = await runtime.runPodSandbox(config('a'), context);
    await runtime.stopPodSandbox(id);
    await expect(runtime.createContainer(id, SERVER)).rejects.toThrow('is not ready');
  });

  test('is listed by node and by pod', async () => {
    const { runtime, context } = runtimeUnderTest();
    for (const [uid, node] of [
      ['a', 'node-1'],
      ['b', 'node-2'],
    ] as const)
      await runtime.runPodSandbox(config(uid, { node }), context);
    expect(runtime.listPodSandbox({ node: 'node-2' }).map(({ uid }) => uid)).toEqual(['b']);
    expect(runtime.listPodSandbox({ podUid: 'a' }).map(({ uid }) => uid)).toEqual(['a']);
    expect(runtime.listPodSandbox({ podUid: 'a', node: 'node-2' })).toEqual([]);
  });
});

describe('a container', () => {
  test('is the same one when an agent that knows nothing of it starts it again, and another at the next attempt', async () => {
    const ids = [];
    for (const attempt of [0, 0, 1]) {
      const { runtime, context } = runtimeUnderTest();
      const { id } = await runtime.runPodSandbox(config('a'), context);
      ids.push((await runtime.createContainer(id, { ...SERVER, attempt })).id);
    }
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test('that runs to completion ends by itself, and its pod hears of it', async () => {
    const { runtime, context, changed } = runtimeUnderTest();
    const { id } = await runtime.runPodSandbox(config('a'), context);
    const container = await runtime.createContainer(id, { ...SERVER, runsToCompletion: true });
    await runtime.startContainer(container.id, context);
    await settle();
    expect(container).toMatchObject({ state: 'CONTAINER_EXITED', exitCode: 0, reason: 'Completed' });
    expect(changed).toEqual(['a']);
  });

  test('whose start is given up stays created', async () => {
    const { clock, runtime, context, stop } = runtimeUnderTest({ containerStartMs: 100 });
    const { id } = await runtime.runPodSandbox(config('a'), context);
    const container = await runtime.createContainer(id, SERVER);
    const started = runtime.startContainer(container.id, context);
    await clock.advance(50);
    stop.abort();
    await expect(started).rejects.toBe(stop.signal.reason);
    await clock.advance(1_000);
    expect(container.state).toBe('CONTAINER_CREATED');
  });

  test('does not run when its sandbox stopped while it started', async () => {
    const { clock, runtime, context } = runtimeUnderTest({ containerStartMs: 100 });
    const { id } = await runtime.runPodSandbox(config('a'), context);
    const container = await runtime.createContainer(id, SERVER);
    const started = runtime.startContainer(container.id, context);
    await runtime.stopPodSandbox(id);
    await clock.advance(100);
    await started;
    expect(container).toMatchObject({ state: 'CONTAINER_EXITED' });
    expect(container.startedAtMs).toBeUndefined();
  });

  test('cannot be started twice', async () => {
    const { runtime, context } = runtimeUnderTest();
    const { id } = await runtime.runPodSandbox(config('a'), context);
    const container = await runtime.createContainer(id, SERVER);
    await runtime.startContainer(container.id, context);
    await expect(runtime.startContainer(container.id, context)).rejects.toThrow('cannot be started');
  });
});
