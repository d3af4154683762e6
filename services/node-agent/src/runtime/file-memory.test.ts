import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { expect, test, vi } from 'vitest';
import { filesFor } from '../test-support/container-files.ts';
import { containerConfigFor, runtimeParts, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { AddressRange } from './addresses.ts';
import { SimulatedImages } from './images.ts';
import type { Container } from './runtime.ts';
import { SimulatedRuntime } from './simulated.ts';

const MEBIBYTE = 1024 * 1024;

/** A container under a limit of 50Mi runs a script, with a volume in memory at /cache and one on disk at /data. */
async function after(script: string): Promise<{ container: Container; memoryBytes: number }> {
  const clock = new ManualClock();
  const range = new AddressRange('10.244.0');
  const mount = { subPath: '', readOnly: false };
  const mounts = [
    { ...mount, tree: 'cache', containerPath: '/cache', inMemory: true },
    { ...mount, tree: 'data', containerPath: '/data' },
  ];
  let printed = '';
  const runtime = new SimulatedRuntime({
    ...runtimeParts(),
    clock,
    images: new SimulatedImages({ clock, pullTimeMs: () => 0 }),
    sandboxStartMs: 0,
    containerStartMs: 0,
    addresses: () => ({ hostIp: '10.0.0.10', range }),
    files: (_container, _sandbox, onMemoryUse) => filesFor({ clock, mounts, onMemoryUse }),
    onChange: () => undefined,
    log: (_container, _sandbox, _stream, data) => void (printed += Buffer.from(data).toString()),
  });
  const context = { signal: new AbortController().signal, onWait: () => undefined };
  const sandbox = await runtime.runPodSandbox(sandboxConfigFor('a'), context);
  const limits = { memoryLimitBytes: 50 * MEBIBYTE };
  const command = ['sh', '-c', `(${script}) 2> /dev/null; echo done; sleep 600`];
  const config = containerConfigFor('web', { image: 'busybox', command, limits });
  const { id } = await runtime.createContainer(sandbox.id, config);
  await runtime.startContainer(id, context);
  // Shell and commands are loaded when they are first run, which takes a while of real time.
  await vi.waitFor(async () => {
    await clock.advance(1_000);
    const isOver = runtime.containerStatus(id)?.state === 'CONTAINER_EXITED' || printed === 'done\n';
    expect(isOver).toBe(true);
  }, 10_000);
  return {
    container: runtime.containerStatus(id)!,
    memoryBytes: runtime.containerStats(id)?.memoryBytes ?? 0,
  };
}

test('files in memory count as memory, and may end their container', async () => {
  const { container } = await after('dd if=/dev/zero of=/cache/big bs=1M count=60');
  expect(container).toMatchObject({ state: 'CONTAINER_EXITED', exitCode: 137, reason: 'OOMKilled' });
});

test('what is removed again counts no more, nor do files on disk', async () => {
  const script =
    'dd if=/dev/zero of=/cache/a bs=1M count=40; rm /cache/a; dd if=/dev/zero of=/cache/b bs=1M count=20; dd if=/dev/zero of=/data/c bs=1M count=60';
  const { container, memoryBytes } = await after(script);
  expect(container.state).toBe('CONTAINER_RUNNING');
  expect(Math.round(memoryBytes / MEBIBYTE)).toBe(21);
});
