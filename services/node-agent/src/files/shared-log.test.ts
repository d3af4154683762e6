import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { once } from 'node:events';
import { join } from 'node:path';
import { setImmediate as turnOver } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { put, textOf } from '../test-support/container-files.ts';
import type { WriterTask } from '../test-support/shared-log-writer.ts';
import { encodeRecord } from './journal-record.ts';
import { Journals } from './journals.ts';
import { SharedLogs } from './shared-logs.ts';
import { Trees } from './trees.ts';

const NAME = 'persistent-volumes/u1';
const clock = new ManualClock();
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'orrery-shared-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** The trees of another process. */
function agent(where = directory, journals?: Journals): Trees {
  const shared = { logs: new SharedLogs(where), has: (name: string) => name.startsWith('persistent') };
  return new Trees({ clock, shared, ...(journals === undefined ? {} : { journals }) });
}

const logDirectory = (): string => join(directory, encodeURIComponent(NAME));
const filesIn = (where: string): string[] => readdirSync(where).toSorted();
const onlyFile = (): string => join(logDirectory(), filesIn(logDirectory())[0]!);

describe('a tree that agents share', () => {
  test('is the same for all of them at once, whoever writes', () => {
    const [one, two] = [agent().open(NAME), agent().open(NAME)];
    put(one, '/a', 'one\n');
    two.write('/a', Buffer.from('two\n'), { append: true });
    one.write('/a', Buffer.from('three\n'), { append: true });
    expect(textOf(one, '/a')).toBe('one\ntwo\nthree\n');
    expect(textOf(two, '/a')).toBe('one\ntwo\nthree\n');
    two.remove('/a');
    expect(one.exists('/a')).toBe(false);
    two.makeDirectory('/d');
    expect(one.list('/')).toEqual(['d']);
    expect(one.space('/')).toEqual(two.space('/'));
  });

  test('loses nothing when two create a file by appending to it at the same moment', () => {
    const [one, two] = [agent().open(NAME), agent().open(NAME)];
    // Both have looked, and found nothing.
    const owner = { mode: 0o644, uid: 0, gid: 0 };
    one.raw.create('/log', Buffer.from('one\n'), owner, true);
    two.raw.create('/log', Buffer.from('two\n'), owner, true);
    expect([textOf(one, '/log'), textOf(two, '/log')]).toEqual(['one\ntwo\n', 'one\ntwo\n']);
    expect(one.space('/')).toEqual(two.space('/'));
    expect(textOf(agent().open(NAME), '/log')).toBe('one\ntwo\n');
  });

  test('is there for an agent that comes later, and no other tree is', () => {
    const trees = agent();
    put(trees.open(NAME), '/a', 'kept');
    put(trees.open('pods/u'), '/a', 'own');
    const later = agent();
    expect([...later.names()]).toEqual([NAME]);
    expect(textOf(later.find(NAME)!, '/a')).toBe('kept');
  });

  test('goes for all, and what is still written is nobody’s', () => {
    const [one, two] = [agent(), agent()];
    put(one.open(NAME), '/a', 'x');
    const held = two.open(NAME);
    one.remove(NAME);
    put(held, '/b', 'y');
    expect(textOf(held, '/b')).toBe('y');
    expect(filesIn(directory)).toEqual([]);
    expect(one.find(NAME)).toBeUndefined();
  });

  test('takes over what an agent had for itself', async () => {
    const journals = (): Journals =>
      new Journals({
        directory: join(directory, 'own'),
        realClock: new ManualClock(),
        logger: createLogger({ service: 'node-agent', instance: 'test', level: 'silent' }),
      });
    put(new Trees({ clock, journals: journals() }).open(NAME), '/a', 'old');
    await turnOver();
    const shared = join(directory, 'shared');
    const trees = agent(shared, journals());
    expect(textOf(trees.find(NAME)!, '/a')).toBe('old');
    expect(filesIn(join(directory, 'own'))).toEqual([]);
    expect(textOf(agent(shared).open(NAME), '/a')).toBe('old');
  });

  test('is shortened under the hands of those who use it', () => {
    const [one, two] = [agent().open(NAME), agent().open(NAME)];
    const block = 'x'.repeat(200_000);
    for (let round = 0; round < 40; round += 1) {
      put(round % 2 === 0 ? one : two, `/${round % 3}`, `${round}${block}`);
    }
    const [file, ...others] = filesIn(logDirectory());
    expect(others).toEqual([]);
    expect(Number(file!.split('.')[0])).toBeGreaterThan(1);
    expect(statSync(onlyFile()).size).toBeLessThan(4_000_000);
    const later = agent().open(NAME);
    for (const [path, round] of [
      ['/0', 39],
      ['/1', 37],
      ['/2', 38],
    ] as const) {
      for (const tree of [one, two, later]) expect(textOf(tree, path)).toBe(`${round}${block}`);
    }
  });

  test('loses nothing to one who died while he wrote', () => {
    const [one, two] = [agent().open(NAME), agent().open(NAME)];
    put(one, '/a', 'whole');
    const torn = encodeRecord({ head: { by: 'dead', n: 1, change: {} }, body: Buffer.alloc(50_000) });
    appendFileSync(onlyFile(), torn.subarray(0, 30_000));
    expect(textOf(two, '/a')).toBe('whole');
    put(two, '/b', 'after');
    expect(textOf(one, '/b')).toBe('after');
    expect(agent().open(NAME).list('/')).toEqual(['a', 'b']);
  });

  test('waits for what is just being written', () => {
    const [one, two] = [agent().open(NAME), agent().open(NAME)];
    put(one, '/a', 'one');
    const file = onlyFile();
    const before = readFileSync(file);
    put(one, '/b', 'two');
    const after = readFileSync(file);
    writeFileSync(file, after.subarray(0, before.length + 20));
    expect(two.list('/')).toEqual(['a']);
    writeFileSync(file, after);
    expect(two.list('/')).toEqual(['a', 'b']);
  });

  test('does a change once, also when its file ended under it', () => {
    const [one, two] = [agent().open(NAME), agent().open(NAME)];
    put(one, '/a', 'x');
    two.list('/');
    // What two writes next comes after the end of the file that it knows.
    appendFileSync(onlyFile(), encodeRecord({ head: { ends: true }, body: new Uint8Array(0) }));
    two.write('/a', Buffer.from('y'), { append: true });
    one.write('/a', Buffer.from('z'), { append: true });
    expect(textOf(one, '/a')).toBe('xyz');
    expect(textOf(two, '/a')).toBe('xyz');
    expect(filesIn(logDirectory())).toEqual(['1.log']);
  });

  test('whose disk is full says so', () => {
    const tree = agent().open(NAME);
    put(tree, '/a', 'x');
    const file = onlyFile();
    rmSync(file);
    // A directory in its place stands for a disk that refuses: root may write everything else.
    mkdirSync(file);
    expect(() => put(tree, '/b', 'y')).toThrow('No space left on device');
  });
});

test('is written by several processes at a time, and nothing is lost or done twice', async () => {
  const tree = agent().open(NAME);
  put(tree, '/lines', '');
  const program = new URL('../test-support/shared-log-writer.ts', import.meta.url);
  const names = ['a', 'b', 'c', 'd'];
  await Promise.all(
    names.map((name) => {
      const workerData: WriterTask = { directory, tree: NAME, name, lines: 200 };
      return once(new Worker(program, { workerData }), 'exit');
    }),
  );
  const lines = textOf(tree, '/lines').trimEnd().split('\n');
  for (const name of names) {
    const own = lines.filter((line) => line.startsWith(name));
    expect(own).toEqual(Array.from({ length: 200 }, (_, line) => `${name} ${line}`));
  }
  expect(lines).toHaveLength(800);
  expect(textOf(agent().open(NAME), '/lines')).toBe(textOf(tree, '/lines'));
  expect(Number.parseInt(filesIn(logDirectory())[0]!, 10)).toBeGreaterThan(3);
});

type Step = { by: number; do: 'put' | 'append' | 'remove' | 'look' | 'end'; file: number; size: number };

test('however several agents write, read and shorten it, all come to the same', () => {
  const step: fc.Arbitrary<Step> = fc.record({
    by: fc.nat(2),
    do: fc.constantFrom('put', 'append', 'append', 'remove', 'look', 'end'),
    file: fc.nat(3),
    size: fc.nat(2_000),
  });
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    rmSync(directory, { recursive: true, force: true });
    const trees = [agent(), agent(), agent()].map((each) => each.open(NAME));
    const model = new Map<string, string>();
    for (const [index, { by, do: what, file, size }] of steps.entries()) {
      const [tree, path] = [trees[by]!, `/${file}`];
      const text = `${index}${'.'.repeat(size)}`;
      if (what === 'put') model.set(path, text);
      if (what === 'put') put(tree, path, text);
      if (what === 'append' && model.has(path)) {
        model.set(path, model.get(path)! + text);
        tree.write(path, Buffer.from(text), { append: true });
      }
      if (what === 'remove' && model.delete(path)) tree.remove(path);
      if (what === 'look') tree.list('/');
      if (what === 'end')
        appendFileSync(onlyFile(), encodeRecord({ head: { ends: true }, body: new Uint8Array(0) }));
    }
    for (const tree of [...trees, agent().open(NAME)]) {
      expect(new Map(tree.list('/').map((name) => [`/${name}`, textOf(tree, `/${name}`)]))).toEqual(model);
    }
  });
  fc.assert(property, { numRuns: 60 });
});
