/** `diff` and `cmp`. */

import { command, type Command, CommandFailure, type Programs } from './command.ts';

/** Lines that differ, beyond what both files begin and end with; more are shown as one change. */
const MOST_LINES = 2_000;

interface Edit {
  kind: ' ' | '-' | '+';
  line: string;
}

/** The shortest way from one text to another, by a table of common lines. */
function edits(left: readonly string[], right: readonly string[]): Edit[] {
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < left.length - start && end < right.length - start && left.at(-1 - end) === right.at(-1 - end))
    end += 1;
  const [a, b] = [left.slice(start, left.length - end), right.slice(start, right.length - end)];
  const same = (line: string): Edit => ({ kind: ' ', line });
  return [...left.slice(0, start).map(same), ...middle(a, b), ...left.slice(left.length - end).map(same)];
}

function middle(a: readonly string[], b: readonly string[]): Edit[] {
  if (a.length * b.length > MOST_LINES * MOST_LINES)
    return [...a.map((line): Edit => ({ kind: '-', line })), ...b.map((line): Edit => ({ kind: '+', line }))];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
  const result: Edit[] = [];
  for (let [i, j] = [0, 0]; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      result.push({ kind: ' ', line: a[i]! });
      i += 1;
      j += 1;
    } else if (
      j >= b.length ||
      (i < a.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      result.push({ kind: '-', line: a[i]! });
      i += 1;
    } else {
      result.push({ kind: '+', line: b[j]! });
      j += 1;
    }
  }
  return result;
}

const CONTEXT_LINES = 3;

/** Busybox knows only the unified form; the old one is what `diff` prints elsewhere. */
const diff = command(async (self) => {
  const options = self.options('uqrNbwiasU:', { unified: 'u', brief: 'q', recursive: 'r' });
  const [left, right] = options.operands;
  if (left === undefined || right === undefined) throw new CommandFailure('missing operand', 2);
  const read = async (path: string): Promise<string[]> => {
    const text = await self.readText(self.open(path));
    return text === '' ? [] : text.replace(/\n$/, '').split('\n');
  };
  const all = edits(await read(left), await read(right));
  if (all.every(({ kind }) => kind === ' ')) return 0;
  if (options.has('q')) await self.print(`Files ${left} and ${right} differ\n`);
  else
    await (options.has('u') || options.has('U')
      ? printUnified(self, left, right, all)
      : printNormal(self, all));
  return 1;
}, 2);

async function printUnified(self: Command, left: string, right: string, all: readonly Edit[]): Promise<void> {
  await self.print(`--- ${left}\n+++ ${right}\n`);
  for (let at = 0; at < all.length;) {
    const change = all.findIndex(({ kind }, index) => index >= at && kind !== ' ');
    if (change < 0) return;
    const start = Math.max(at, change - CONTEXT_LINES);
    let end = change;
    for (let quiet = 0; end < all.length && quiet <= CONTEXT_LINES * 2; end += 1)
      quiet = all[end]!.kind === ' ' ? quiet + 1 : 0;
    while (end > change && all[end - 1]!.kind === ' ' && end - lastChange(all, end) > CONTEXT_LINES) end -= 1;
    const hunk = all.slice(start, end);
    const lineOf = (skip: '-' | '+'): number =>
      all.slice(0, start).filter(({ kind }) => kind !== skip).length + 1;
    const count = (skip: '-' | '+'): number => hunk.filter(({ kind }) => kind !== skip).length;
    const range = (skip: '-' | '+'): string =>
      count(skip) === 1
        ? String(lineOf(skip))
        : `${count(skip) === 0 ? lineOf(skip) - 1 : lineOf(skip)},${count(skip)}`;
    await self.print(
      `@@ -${range('+')} +${range('-')} @@\n${hunk.map(({ kind, line }) => `${kind}${line}\n`).join('')}`,
    );
    at = end;
  }
}

/** The index after the last change before `end`. */
function lastChange(all: readonly Edit[], end: number): number {
  return all.slice(0, end).findLastIndex(({ kind }) => kind !== ' ') + 1;
}

async function printNormal(self: Command, all: readonly Edit[]): Promise<void> {
  let [i, j] = [0, 0];
  for (let at = 0; at < all.length;) {
    if (all[at]!.kind === ' ') {
      i += 1;
      j += 1;
      at += 1;
      continue;
    }
    const next = all.findIndex(({ kind }, index) => index >= at && kind === ' ');
    const hunk = all.slice(at, next < 0 ? undefined : next);
    const removed = hunk.filter(({ kind }) => kind === '-').map(({ line }) => line);
    const added = hunk.filter(({ kind }) => kind === '+').map(({ line }) => line);
    const range = (from: number, count: number): string =>
      count <= 1 ? String(from + count) : `${from + 1},${from + count}`;
    const letter = removed.length === 0 ? 'a' : added.length === 0 ? 'd' : 'c';
    await self.print(
      `${range(i, removed.length)}${letter}${range(j, added.length)}\n${removed.map((line) => `< ${line}\n`).join('')}${letter === 'c' ? '---\n' : ''}${added.map((line) => `> ${line}\n`).join('')}`,
    );
    i += removed.length;
    j += added.length;
    at += hunk.length;
  }
}

const cmp = command(async (self) => {
  const options = self.options('sl', { quiet: 's', silent: 's' });
  const [left, right] = options.operands;
  if (left === undefined) throw new CommandFailure('missing operand', 2);
  const [a, b] = [await self.readBytes(self.open(left)), await self.readBytes(self.open(right ?? '-'))];
  if (a.equals(b)) return 0;
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a[at] === b[at]) at += 1;
  if (options.has('s')) return 1;
  if (at === shorter) await self.printError(`cmp: EOF on ${a.length < b.length ? left : (right ?? '-')}\n`);
  else
    await self.print(
      `${left} ${right ?? '-'} differ: char ${at + 1}, line ${a.subarray(0, at).filter((each) => each === 10).length + 1}\n`,
    );
  return 1;
}, 2);

export const COMPARE_PROGRAMS: Programs = { diff, cmp };
