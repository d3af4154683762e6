import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turnOver } from 'node:timers/promises';
import { createLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { put, textOf } from '../test-support/container-files.ts';
import { FileError, type FileSystem } from './file-system.ts';
import { Journals } from './journals.ts';
import { Trees } from './trees.ts';

let directory: string;
const clock = new ManualClock();
const realClock = new ManualClock();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'orrery-journals-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function journalsIn(where: string): Journals {
  const logger = createLogger({ service: 'node-agent', instance: 'test', level: 'silent' });
  return new Journals({ directory: where, realClock, logger });
}

/** A process that begins. */
function begin(where = directory): { trees: Trees; journals: Journals } {
  const journals = journalsIn(where);
  const isVolatile = (name: string): boolean => name.startsWith('volatile/');
  return { trees: new Trees({ clock, journals, isVolatile }), journals };
}

function everythingOf(files: FileSystem, path = ''): unknown[] {
  return files.list(`${path}/`).map((name) => {
    const stat = files.stat(`${path}/${name}`, { followSymlinks: false });
    const inner = stat.type === 'directory' ? everythingOf(files, `${path}/${name}`) : [];
    return [name, stat, stat.type === 'file' ? textOf(files, `${path}/${name}`) : inner];
  });
}

const STEPS: ((files: FileSystem) => void)[] = [
  (files) => files.makeDirectory('/var/log', { recursive: true }),
  (files) => put(files, '/var/log/a', 'one\n'),
  (files) => files.write('/var/log/a', Buffer.from('two\n'), { append: true }),
  (files) => files.symlink('log/a', '/var/link'),
  (files) => files.setMode('/var/log/a', 0o600),
  (files) => files.setOwner('/var/log', 1_000, 2_000),
  (files) => files.rename('/var/log', '/var/moved'),
  (files) => put(files, '/var/moved/a', 'other'),
  (files) => files.setModified('/var/moved/a', 12_345),
  (files) => files.remove('/var/link'),
  (files) => put(files, '/b', 'x'),
  (files) => files.remove('/var', { recursive: true }),
];

describe('a tree with a journal', () => {
  test('is the same for the process that comes after, down to times and owners', async () => {
    const { trees } = begin();
    for (const step of STEPS.slice(0, -1)) {
      await clock.advance(1_000);
      step(trees.open('pods/u1/volumes/data'));
    }
    const before = everythingOf(trees.open('pods/u1/volumes/data'));
    await turnOver();
    const after = begin().trees;
    expect(everythingOf(after.find('pods/u1/volumes/data')!)).toEqual(before);
    expect(after.open('pods/u1/volumes/data').space('/')).toEqual(
      trees.open('pods/u1/volumes/data').space('/'),
    );
  });

  test('is as it was after one of its changes wherever the file is torn, and goes on from there', () => {
    const { trees, journals } = begin();
    const tree = trees.open('t');
    const states = [everythingOf(tree)];
    const sizes = [0];
    const file = join(directory, 't.journal');
    for (const step of STEPS) {
      const stepsBefore = states.length;
      step(tree);
      journals.flush();
      states.push(everythingOf(tree));
      sizes.push(statSync(file).size);
      expect(sizes[stepsBefore]).toBeGreaterThan(sizes[stepsBefore - 1]!);
    }
    const whole = readFileSync(file);
    for (let cut = 0; cut <= whole.length; cut += 1) {
      writeFileSync(file, whole.subarray(0, cut));
      const next = begin();
      const complete = sizes.filter((size) => size <= cut).length - 1;
      const found = everythingOf(next.trees.open('t'));
      // One step may be several changes (mkdir -p), so that a state between two is seen too.
      if (cut === sizes[complete]) expect(found).toEqual(states[complete]);
      put(next.trees.open('t'), '/after', 'the tear');
      next.journals.flush();
      expect(textOf(begin().trees.open('t'), '/after')).toBe('the tear');
    }
  });

  test('is not believed beyond a byte that was changed', () => {
    const { trees, journals } = begin();
    put(trees.open('t'), '/a', 'first');
    put(trees.open('t'), '/b', 'second');
    journals.flush();
    const file = join(directory, 't.journal');
    const damaged = readFileSync(file);
    damaged[damaged.length - 1]! ^= 1;
    writeFileSync(file, damaged);
    expect(begin().trees.open('t').list('/')).toEqual(['a']);
  });

  test('costs no file until something is written, and none when it is removed', () => {
    const { trees, journals } = begin();
    trees.open('read');
    put(trees.open('volatile/x'), '/a', 'not kept');
    journals.flush();
    expect(readdirSync(directory)).toEqual([]);
    put(trees.open('short'), '/a', 'written and removed in one turn');
    trees.remove('short');
    put(trees.open('kept'), '/a', '');
    put(trees.open('removed'), '/a', '');
    journals.flush();
    const late = trees.open('removed');
    trees.remove('removed');
    put(late, '/b', 'written by somebody who still holds it');
    journals.flush();
    expect(readdirSync(directory)).toEqual(['kept.journal']);
    const next = begin().trees;
    expect([next.find('removed'), next.find('kept')?.list('/')]).toEqual([undefined, ['a']]);
    next.remove('kept');
    expect(readdirSync(directory)).toEqual([]);
  });

  test('is written anew when it is mostly past', () => {
    const { trees, journals } = begin();
    const tree = trees.open('t');
    tree.makeDirectory('/kept');
    for (let round = 0; round < 100; round += 1) {
      put(tree, '/a', String(round).repeat(20_000));
      journals.flush();
    }
    expect(statSync(join(directory, 't.journal')).size).toBeLessThan(1.3 * 1024 * 1024);
    const next = begin().trees.open('t');
    expect(everythingOf(next)).toEqual(everythingOf(tree));
  });

  test('goes on in memory while the disk refuses, and is whole when it does no longer', async () => {
    const where = join(directory, 'state');
    const { trees, journals } = begin(where);
    put(trees.open('t'), '/a', 'before');
    journals.flush();
    rmSync(where, { recursive: true });
    put(trees.open('t'), '/b', 'meanwhile');
    journals.flush();
    put(trees.open('t'), '/c', 'meanwhile too');
    mkdirSync(where);
    await realClock.advance(1_000);
    expect(begin(where).trees.open('t').list('/')).toEqual(['a', 'b', 'c']);
  });
});

describe('room', () => {
  function codeOf(call: () => unknown): string | undefined {
    try {
      call();
      return undefined;
    } catch (error) {
      return error instanceof FileError ? error.code : String(error);
    }
  }

  test('ends where a tree is full, where all are full, and comes back with a removal', () => {
    const trees = new Trees({ clock, limitBytes: 10_000, totalBytes: 15_000 });
    const first = trees.open('first');
    put(first, '/a', 'x'.repeat(9_000));
    expect(codeOf(() => put(first, '/b', 'x'.repeat(1_000)))).toBe('ENOSPC');
    expect(codeOf(() => first.write('/a', Buffer.alloc(1_000), { append: true }))).toBe('ENOSPC');
    put(first, '/a', 'y'.repeat(9_000));
    expect(first.space('/')).toEqual({ totalBytes: 10_000, usedBytes: 9_000 });
    const second = trees.open('second');
    expect(codeOf(() => put(second, '/a', 'x'.repeat(9_000)))).toBe('ENOSPC');
    trees.remove('first');
    expect(codeOf(() => put(second, '/a', 'x'.repeat(9_000)))).toBeUndefined();
    second.remove('/a');
    expect(second.space('/').usedBytes).toBe(0);
    for (let index = 0; index < 30; index += 1) put(second, `/${index}`, '');
    expect(
      codeOf(() => {
        for (let index = 30; ; index += 1) put(second, `/${index}`, '');
      }),
    ).toBe('ENOSPC');
  });

  test('is kept account of through moves and removals', () => {
    const trees = new Trees({ clock });
    const tree = trees.open('t');
    for (const step of STEPS) step(tree);
    tree.remove('/b');
    expect([tree.raw.sizeBytes, tree.space('/').usedBytes]).toEqual([0, 0]);
  });
});
