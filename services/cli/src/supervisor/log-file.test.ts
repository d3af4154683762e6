import { appendFile, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseLogLine } from '../log-line.ts';
import { eventLog, lastLines, olderPart, rotateLog } from './log-file.ts';

let root: string;
let path: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'orrery-log-'));
  path = join(root, 'a.log');
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

describe('rotateLog', () => {
  it('moves a large log aside, under the hands of the process that writes it', async () => {
    const writer = await open(path, 'a');
    await writer.write('old\n');
    await rotateLog(path, 4);
    await writer.write('new\n');
    await writer.close();
    expect(await readFile(path, 'utf8')).toBe('new\n');
    expect(await readFile(olderPart(path), 'utf8')).toBe('old\n');
  });

  it('leaves a small log alone, and a missing one missing', async () => {
    await writeFile(path, 'few\n');
    await rotateLog(path, 5);
    expect(await readFile(path, 'utf8')).toBe('few\n');
    await rotateLog(join(root, 'missing.log'), 0);
  });
});

describe('lastLines', () => {
  it('gives the end of a log', async () => {
    await writeFile(path, `${'x'.repeat(40_000)}\n`);
    await appendFile(path, 'one\ntwo\nthree\n');
    expect(await lastLines(path, 2)).toEqual(['two', 'three']);
    expect(await lastLines(join(root, 'missing.log'), 2)).toEqual([]);
  });
});

describe('eventLog', () => {
  it('writes lines that `logs` can read', async () => {
    const log = eventLog(path, new ManualClock(1_000));
    log({ kind: 'died', process: 'nats', pid: 42, reason: 'was ended by SIGKILL', restartInMs: 0 });
    const [line = ''] = await lastLines(path, 1);
    expect(parseLogLine('supervisor', line)).toEqual({
      source: 'supervisor',
      timeMs: 1_000,
      level: 'warn',
      message: 'process died',
      fields: { process: 'nats', pid: 42, reason: 'was ended by SIGKILL', restartInMs: 0 },
    });
  });
});
