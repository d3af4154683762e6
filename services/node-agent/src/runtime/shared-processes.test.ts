import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { filesFor } from '../test-support/container-files.ts';
import { containerConfigFor, runtimeParts, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { AddressRange } from './addresses.ts';
import { SimulatedImages } from './images.ts';
import type { ContainerConfig, PodSandboxConfig } from './runtime.ts';
import { SimulatedRuntime } from './simulated.ts';

class Pod {
  readonly clock = new ManualClock();
  readonly runtime: SimulatedRuntime;
  #sandbox = '';
  readonly #ids = new Map<string, string>();
  readonly #context = { signal: new AbortController().signal, onWait: () => undefined };

  constructor() {
    const { clock } = this;
    const range = new AddressRange('10.244.0');
    this.runtime = new SimulatedRuntime({
      ...runtimeParts(),
      clock,
      images: new SimulatedImages({ clock, pullTimeMs: () => 0 }),
      sandboxStartMs: 0,
      containerStartMs: 0,
      addresses: () => ({ hostIp: '10.0.0.10', range }),
      files: () => filesFor({ clock }),
      onChange: () => undefined,
    });
  }

  async start(config: Partial<PodSandboxConfig>, ...containers: Partial<ContainerConfig>[]): Promise<this> {
    this.#sandbox = (await this.runtime.runPodSandbox(sandboxConfigFor('a', config), this.#context)).id;
    for (const each of containers) await this.add(each);
    return this;
  }

  async add({ name = 'web', ...changes }: Partial<ContainerConfig>): Promise<void> {
    const config = containerConfigFor(name, { image: 'busybox', command: ['sleep', '600'], ...changes });
    const { id } = await this.runtime.createContainer(this.#sandbox, config);
    this.#ids.set(name, id);
    await this.runtime.startContainer(id, this.#context);
  }

  async run(container: string, script: string): Promise<string> {
    let printed = '';
    const sink = { write: (data: Uint8Array | string) => void (printed += Buffer.from(data).toString()) };
    const io = { stdout: sink, stderr: sink };
    const session = this.runtime.exec(this.#ids.get(container)!, ['sh', '-c', script], io);
    await this.clock.advance(1_000);
    await session.ended;
    return printed;
  }

  stateOf(container: string): { state: string | undefined; exitCode: number | undefined } {
    const found = this.runtime.containerStatus(this.#ids.get(container)!);
    return { state: found?.state, exitCode: found?.exitCode };
  }
}

/** The columns PID and COMMAND of `ps`. */
const PS = `ps -o pid,args | grep -v -e 'ps -o' -e grep -e PID -e 'sh -c'`;
const words = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));

describe('containers that share their processes', () => {
  test('see each other and pause, under numbers of their own', async () => {
    const pod = await new Pod().start({ sharesProcesses: true }, { name: 'a' }, { name: 'b' });
    expect(words(await pod.run('b', PS))).toEqual([
      ['1', '/pause'],
      ['2', 'sleep', '600'],
      ['3', 'sleep', '600'],
    ]);
  });

  test('see the files of each other below /proc', async () => {
    const pod = await new Pod().start({ sharesProcesses: true }, { name: 'a' }, { name: 'b' });
    await pod.run('a', 'echo of a > /tmp/file');
    const look =
      'cd /proc/2/root/tmp; cat file; echo of b >> file; cat /proc/3/root/tmp/file; mv file /tmp; pwd';
    expect(await pod.run('b', look)).toBe(
      "of a\ncat: can't open '/proc/3/root/tmp/file': No such file or directory\n/proc/2/root/tmp\n",
    );
    expect(await pod.run('a', 'ls /tmp')).toBe('');
    expect(await pod.run('b', 'cat /tmp/file')).toBe('of a\nof b\n');
  });

  test('may end each other, and are ended by TERM like any process that is not the first', async () => {
    const pod = await new Pod().start({ sharesProcesses: true }, { name: 'a' }, { name: 'b' });
    await pod.run('b', 'kill 2; kill -9 1');
    expect(pod.stateOf('a')).toEqual({ state: 'CONTAINER_EXITED', exitCode: 143 });
    expect(pod.stateOf('b').state).toBe('CONTAINER_RUNNING');
    expect(words(await pod.run('b', PS)).map(([pid]) => pid)).toEqual(['1', '3']);
  });
});

describe('containers that do not', () => {
  test('see only themselves, and nobody inside can kill their first process', async () => {
    const pod = await new Pod().start({}, { name: 'a' }, { name: 'b' });
    await pod.run('b', 'kill 1; kill -9 1');
    expect(words(await pod.run('b', PS))).toEqual([['1', 'sleep', '600']]);
    expect(pod.stateOf('b').state).toBe('CONTAINER_RUNNING');
  });

  test('may be looked into by one that has them as its target', async () => {
    const pod = await new Pod().start({}, { name: 'a' });
    await pod.add({ name: 'debugger', command: ['sleep', '900'], processesOf: 'a' });
    expect(words(await pod.run('debugger', PS)).map((each) => each.slice(1))).toEqual([
      ['sleep', '600'],
      ['sleep', '900'],
    ]);
  });

  test.each([
    ['k8s.gcr.io/pause', [], ['/pause']],
    ['example.com/shop/app:1.2', [], ['/app']],
    ['example.com/shop/app:1.2', ['/srv/run', '-v'], ['/srv/run', '-v']],
  ])('%s %j has a first process, though nothing of it is simulated', async (image, command, argv) => {
    const pod = await new Pod().start({}, { name: 'a', image, command });
    await pod.add({ name: 'debugger', processesOf: 'a' });
    await pod.run('debugger', 'kill -9 1');
    expect(words(await pod.run('debugger', PS))).toEqual([
      ['1', ...argv],
      ['2', 'sleep', '600'],
    ]);
  });
});
