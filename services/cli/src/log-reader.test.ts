import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogReader, mergeByTime } from './log-reader.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'orrery-logs-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

const at = (time: number, msg: string): string => `${JSON.stringify({ level: 30, time, msg })}\n`;

async function messages(...readers: LogReader[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { message } of mergeByTime(readers)) found.push(message);
  return found;
}

describe('mergeByTime', () => {
  it('merges logs by time and keeps a stack trace with its line', async () => {
    await writeFile(join(root, 'a'), `${at(1, 'a1')}${at(5, 'a5')}  at a5\n${at(9, 'a9')}`);
    await writeFile(join(root, 'b'), `${at(2, 'b2')}${at(6, 'b6')}`);
    const readers = ['a', 'b', 'missing'].map((name) => new LogReader(name, join(root, name)));
    expect(await messages(...readers)).toEqual(['a1', 'b2', 'a5', '  at a5', 'b6', 'a9']);
  });

  it('goes on later with what was added, line by whole line', async () => {
    const path = join(root, 'a');
    const reader = new LogReader('a', path);
    expect(await messages(reader)).toEqual([]);
    await writeFile(path, `${at(1, 'one')}${at(2, 'tw\u00F6').slice(0, -9)}`);
    expect(await messages(reader)).toEqual(['one']);
    await appendFile(path, at(2, 'tw\u00F6').slice(-9));
    expect(await messages(reader)).toEqual(['tw\u00F6']);
    expect(await messages(reader)).toEqual([]);
  });

  it('goes on at the beginning of a log that was cut off', async () => {
    const path = join(root, 'a');
    await writeFile(path, at(1, 'a long first message'));
    const reader = new LogReader('a', path);
    await messages(reader);
    await truncate(path);
    await appendFile(path, at(2, 'new'));
    expect(await messages(reader)).toEqual(['new']);
  });

  it('reads logs larger than its buffer', async () => {
    const path = join(root, 'a');
    const lines = Array.from({ length: 3_000 }, (_, index) =>
      at(index, `message ${index} ${'x'.repeat(50)}`),
    );
    await writeFile(path, lines.join(''));
    const found = await messages(new LogReader('a', path));
    expect(found.length).toBe(3_000);
    expect(found.at(-1)).toMatch(/^message 2999 x{50}$/);
  });
});
