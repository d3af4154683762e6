import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ContainerLogs, type LogId } from './container-logs.ts';
import { LogFiles, LogMemory, type LogStorage } from './log-storage.ts';
import { type LogReadOptions, readLog, tailOfLog } from './log-reader.ts';

const ID: LogId = { namespace: 'default', pod: 'web', podUid: 'u1', container: 'c', attempt: 0 };
const MAX_PART_BYTES = 1_000;
const NEVER = new AbortController().signal;

let directory: string;
let clock: ManualClock;
let realClock: ManualClock;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-logs-'));
  clock = new ManualClock();
  realClock = new ManualClock();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function logsOn(storage: LogStorage): ContainerLogs {
  return new ContainerLogs({
    storage,
    clock,
    realClock,
    logger: silentLogger(),
    maxPartBytes: MAX_PART_BYTES,
  });
}

async function read(logs: ContainerLogs, options: Partial<LogReadOptions> = {}): Promise<string> {
  let text = '';
  const all: LogReadOptions = { follow: false, timestamps: false, stream: 'All', ...options };
  for await (const piece of readLog(logs, ID, true, all, NEVER)) text += piece.toString();
  return text;
}

/** Prints numbered lines. */
async function count(logs: ContainerLogs, from: number, to: number): Promise<void> {
  for (let line = from; line <= to; line += 1) {
    await logs.write(ID, 'stdout', Buffer.from(`line ${line}\n`));
    if (line % 5 === 0) await logs.written();
  }
}

function numbered(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`).join('');
}

describe.each(['files', 'memory'])('logs in %s', (kind) => {
  let storage: LogStorage;
  let logs: ContainerLogs;
  beforeEach(() => {
    storage = kind === 'files' ? new LogFiles(directory) : new LogMemory();
    logs = logsOn(storage);
  });

  it('show what was printed, from both streams and in order', async () => {
    void logs.write(ID, 'stdout', Buffer.from('one\n'));
    void logs.write(ID, 'stderr', Buffer.from('two\n'));
    await clock.advance(1_000);
    void logs.write(ID, 'stdout', Buffer.from('three\n'));
    expect(await read(logs)).toBe('one\ntwo\nthree\n');
    expect(await read(logs, { stream: 'Stderr' })).toBe('two\n');
    expect(await read(logs, { tailLines: 2 })).toBe('two\nthree\n');
    expect(await read(logs, { tailLines: 0 })).toBe('');
    expect(await read(logs, { tailLines: 9 })).toBe('one\ntwo\nthree\n');
    expect(await read(logs, { limitBytes: 6 })).toBe('one\ntw');
    expect(await read(logs, { sinceMs: clock.now() })).toBe('three\n');
    expect(await read(logs, { timestamps: true, tailLines: 1 })).toBe(
      '2026-01-01T00:00:01.000000000Z three\n',
    );
  });

  it('are bounded: the oldest lines go, and none that stays is broken', async () => {
    await count(logs, 1, 200);
    const text = await read(logs);
    const first = Number(/^line (\d+)\n/.exec(text)![1]);
    expect(text).toBe(numbered(first, 200));
    expect(first).toBeGreaterThan(100);
    expect(storage.sizeOf('default_web_u1/c/0.log', 'current')).toBeLessThanOrEqual(MAX_PART_BYTES);
    expect(storage.sizeOf('default_web_u1/c/0.log', 'rotated')).toBeLessThanOrEqual(MAX_PART_BYTES);
    // Over both parts.
    expect(await read(logs, { tailLines: 30 })).toBe(numbered(171, 200));
  });

  it('are followed over rotations until the container is over', async () => {
    let text = '';
    const follow = async (): Promise<void> => {
      const options: LogReadOptions = { follow: true, timestamps: false, stream: 'All' };
      for await (const piece of readLog(logs, ID, false, options, NEVER)) text += piece.toString();
    };
    const followed = follow();
    for (let line = 1; line <= 100; line += 1) {
      void logs.write(ID, 'stdout', Buffer.from(`line ${line}\n`));
      await vi.waitUntil(() => text.endsWith(`line ${line}\n`), { interval: 1, timeout: 10_000 });
    }
    void logs.write(ID, 'stdout', Buffer.from('last words'));
    logs.end(ID);
    await followed;
    expect(text).toBe(`${numbered(1, 100)}last words`);
    expect(logs.openLogs).toBe(0);
  });

  it('let a follower go that has had enough', async () => {
    const gone = new AbortController();
    const options: LogReadOptions = { follow: true, timestamps: false, stream: 'All' };
    const reading = readLog(logs, ID, false, options, gone.signal).next();
    await settle();
    gone.abort();
    expect(await reading).toEqual({ done: true, value: undefined });
  });

  it('give the last words of a container', async () => {
    await count(logs, 1, 30);
    void logs.write(ID, 'stderr', Buffer.from('broken'));
    logs.end(ID);
    expect(await tailOfLog(logs, ID, 2, 1_000)).toBe('line 30\nbroken');
    expect(await tailOfLog(logs, ID, 1, 1_000)).toBe('broken');
    expect(await tailOfLog(logs, ID, 2, 4)).toBe('oken');
  });

  it('hold back who prints faster than a container may', async () => {
    const quarter = Buffer.from(`${'x'.repeat(1023)}\n`.repeat(256));
    await logs.write(ID, 'stdout', quarter);
    let passed = false;
    const held = (async () => {
      await logs.write(ID, 'stdout', quarter);
      await logs.write(ID, 'stdout', quarter);
      passed = true;
    })();
    await vi.waitUntil(() => realClock.pendingTimers === 1, { timeout: 10_000 });
    await logs.written();
    expect(passed).toBe(false);
    await vi.waitUntil(
      async () => {
        await realClock.advance(1_000);
        return passed;
      },
      { timeout: 10_000 },
    );
    await held;
  });

  it('are gone when they are removed, also while they are being written', async () => {
    await count(logs, 1, 200);
    void logs.write(ID, 'stdout', Buffer.from('more\n'));
    await settle();
    logs.remove(ID);
    await logs.written();
    expect(await read(logs)).toBe('');
    expect(logs.openLogs).toBe(0);
  });
});

describe('logs in files', () => {
  it('are written as the Container Runtime Interface says, and gone on with by the next agent', async () => {
    const before = logsOn(new LogFiles(directory));
    void before.write(ID, 'stdout', Buffer.from('before\n'));
    await before.written();
    const after = logsOn(new LogFiles(directory));
    await clock.advance(1);
    void after.write(ID, 'stderr', Buffer.from('after\n'));
    await after.written();
    expect(await readFile(join(directory, 'default_web_u1_c_0.log'), 'utf8')).toBe(
      '2026-01-01T00:00:00.000000000Z stdout F before\n2026-01-01T00:00:00.001000000Z stderr F after\n',
    );
    expect(await read(after)).toBe('before\nafter\n');
  });

  it('leave no directory behind', async () => {
    const logs = logsOn(new LogFiles(directory));
    void logs.write(ID, 'stdout', Buffer.from('x\n'));
    await logs.written();
    logs.remove(ID);
    expect(await readdir(directory)).toEqual([]);
  });

  it('of pods that are gone are removed', async () => {
    const logs = logsOn(new LogFiles(directory));
    for (const podUid of ['u1', 'u2']) void logs.write({ ...ID, podUid }, 'stdout', Buffer.from('x\n'));
    await logs.written();
    logs.removeOrphans((uid) => uid === 'u2');
    expect(await readdir(directory)).toEqual(['default_web_u2_c_0.log']);
    logsOn(new LogFiles(join(directory, 'not there'))).removeOrphans(() => false);
  });

  it('do without a line that the death of an agent cut off', async () => {
    const files = new LogFiles(directory);
    const path = 'default_web_u1/c/0.log';
    await files.append(path, Buffer.from('2026-01-01T00:00:00.000000000Z stdout F whole\n2026-01-01T00:0'));
    const logs = logsOn(files);
    expect(await read(logs)).toBe('whole\n');
    void logs.write(ID, 'stdout', Buffer.from('next\n'));
    expect(await read(logs)).toBe('whole\nnext\n');
  });

  it('never fail the program when the disk does', async () => {
    const broken: LogStorage = {
      sizeOf: () => 0,
      isWhole: () => true,
      append: () => Promise.reject(new Error('no space left on device')),
      rotate: () => undefined,
      open: () => undefined,
      remove: () => undefined,
      removeOrphans: () => undefined,
    };
    const logs = logsOn(broken);
    await logs.write(ID, 'stdout', Buffer.from(`${'x'.repeat(100)}\n`.repeat(1_000)));
    expect(await read(logs)).toBe('');
  });
});

it('are all in their files when the turn is over: a SIGKILL then loses nothing that was printed', () => {
  const turn: (() => void)[] = [];
  const logs = new ContainerLogs({
    storage: new LogFiles(directory),
    clock,
    realClock,
    logger: silentLogger(),
    maxPartBytes: MAX_PART_BYTES,
    atEndOfTurn: (callback) => turn.push(callback),
  });
  const pods = Array.from({ length: 20 }, (_, index) => `u${index}`);
  for (const podUid of pods) void logs.write({ ...ID, podUid }, 'stdout', Buffer.from('printed\n'));
  for (const callback of turn) callback();
  for (const podUid of pods)
    expect(readFileSync(join(directory, `default_web_${podUid}_c_0.log`), 'utf8')).toContain('printed');
});
