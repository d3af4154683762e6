/** Commands that show files: cat, tac, head, tail, tee, wc, nl, rev. */

import { FileError } from '../../files/file-system.ts';
import type { Input } from '../input.ts';
import { isEndless } from '../open-file.ts';
import { cannotOpen, command, type Command, CommandFailure, parseOptions, type Programs } from './command.ts';
import { parseDuration } from './duration.ts';

const cat = command(async (self) => {
  const options = self.options('nbuvAetEsT', { number: 'n', 'number-nonblank': 'b', 'show-all': 'A' });
  const outcome = { failed: false };
  let line = 0;
  const transforms = ['n', 'b', 'A', 'e', 'E', 's', 'T', 't'].some((each) => options.has(each));
  for await (const [, input] of self.inputs(options.operands, outcome)) {
    if (!transforms) {
      for (let chunk = await input.read(); chunk !== undefined; chunk = await input.read())
        await self.print(chunk);
      continue;
    }
    for (let each = await input.readLine(); each !== undefined; each = await input.readLine()) {
      const isNumbered = options.has('n') || (options.has('b') && each.text !== '');
      if (isNumbered) line += 1;
      let text =
        options.has('A') || options.has('T') || options.has('t')
          ? each.text.replaceAll('\t', '^I')
          : each.text;
      if (options.has('A') || options.has('E') || options.has('e')) text += '$';
      await self.print(
        `${isNumbered ? `${String(line).padStart(6)}\t` : ''}${text}${each.terminated ? '\n' : ''}`,
      );
    }
  }
  return outcome.failed ? 1 : 0;
});

const tac = command(async (self) => {
  const outcome = { failed: false };
  for await (const [, input] of self.inputs(self.args, outcome)) {
    const lines = (await self.readText(input)).split(/(?<=\n)/);
    await self.print(lines.reverse().join(''));
  }
  return outcome.failed ? 1 : 0;
});

/** `-5` is `-n 5`. */
function withOldCount(args: readonly string[]): string[] {
  return args.flatMap((arg) => (/^-\d+$/.test(arg) ? ['-n', arg.slice(1)] : [arg]));
}

const SUFFIX: Readonly<Record<string, number>> = {
  '': 1,
  b: 512,
  k: 1_024,
  K: 1_024,
  m: 1_048_576,
  M: 1_048_576,
};

function parseCount(text: string): { count: number; sign: string } {
  const match = /^([-+]?)(\d+)([bkKmM]?)$/.exec(text);
  if (match === null) throw new CommandFailure(`invalid number '${text}'`);
  return { sign: match[1]!, count: Number(match[2]) * SUFFIX[match[3]!]! };
}

const head = command(async (self) => {
  const options = new HeadTail(self);
  const outcome = { failed: false };
  let isFirst = true;
  for await (const [path, input] of self.inputs(options.paths, outcome)) {
    if (options.shows(path)) await self.print(`${isFirst ? '' : '\n'}==> ${path} <==\n`);
    isFirst = false;
    const { count, sign } = options.amount;
    if (sign === '-') {
      const text = await self.readText(input);
      const lines = text.split(/(?<=\n)/);
      await self.print(
        options.bytes ? text.slice(0, -count) : lines.slice(0, Math.max(0, lines.length - count)).join(''),
      );
      continue;
    }
    await (options.bytes ? copyBytes(self, input, count) : copyLines(self, input, count));
  }
  return outcome.failed ? 1 : 0;
});

async function copyBytes(self: Command, input: Input, count: number): Promise<void> {
  for (let left = count; left > 0;) {
    const chunk = await input.readBytes(left);
    if (chunk === undefined) return;
    left -= chunk.length;
    await self.print(chunk);
  }
}

async function copyLines(self: Command, input: Input, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) {
    const line = await input.readLine();
    if (line === undefined) return;
    await self.print(line.terminated ? `${line.text}\n` : line.text);
  }
}

const LONG_OPTIONS: Readonly<Record<string, string>> = {
  lines: 'n',
  bytes: 'c',
  follow: 'f',
  retry: 'r',
  quiet: 'q',
  verbose: 'v',
  'sleep-interval': 's',
};

/** What `head` and `tail` are told. */
class HeadTail {
  readonly paths: readonly string[];
  readonly bytes: boolean;
  readonly amount: { count: number; sign: string };
  readonly follows: boolean;
  /** Waits for files that are not there yet, and for those that come in their place. */
  readonly retries: boolean;
  readonly everyMs: number;
  readonly #verbose: boolean;

  constructor(self: Command) {
    const options = parseOptions(withOldCount(self.args), 'n:c:fFqvs:r', LONG_OPTIONS);
    this.paths = options.operands;
    this.bytes = options.has('c');
    this.amount = parseCount(options.value('c') ?? options.value('n') ?? '10');
    this.follows = options.has('f') || options.has('F');
    this.retries = options.has('F');
    this.everyMs = Math.max(100, parseDuration(options.value('s') ?? '1'));
    this.#verbose = options.has('v') || (this.paths.length > 1 && !options.has('q'));
  }

  shows(path: string): boolean {
    return this.#verbose && path !== '-';
  }
}

/** Of every file how far it has been shown, in bytes. */
type TailProgress = Record<string, number>;

const tail = command(async (self) => {
  const options = new HeadTail(self);
  const outcome = { failed: false };
  const saved = self.process.progress.saved as TailProgress | undefined;
  const shown = new Map<string, number>(Object.entries(saved ?? {}));
  let isFirst = true;
  for (const path of options.paths.length === 0 ? ['-'] : options.paths) {
    if (saved !== undefined && path in saved) continue;
    try {
      if (options.shows(path)) await self.print(`${isFirst ? '' : '\n'}==> ${path} <==\n`);
      isFirst = false;
      shown.set(path, await showEnd(self, options, path));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      outcome.failed = true;
      self.complain(cannotOpen(path, error));
      if (options.retries) shown.set(path, 0);
    }
  }
  shown.delete('-');
  if (options.follows && shown.size > 0) await follow(self, options, shown);
  return outcome.failed ? 1 : 0;
});

const HOARD_STEP_MS = 100;
const HOARD_STEP_BYTES = 64 * 1024 * 1024;
/** More than any node has. */
const MAX_HOARD_BYTES = 1024 ** 4;
const FOR_EVER_MS = 1e13;

/** Keeps all that comes while it waits for an end: `tail /dev/zero` is how people run out of memory. */
async function hoard(self: Command): Promise<never> {
  for (let memoryBytes = 0; memoryBytes < MAX_HOARD_BYTES; memoryBytes += HOARD_STEP_BYTES) {
    self.process.usage.set({ cpuMilli: 1_000, memoryBytes });
    await self.sleep(HOARD_STEP_MS);
  }
  for (;;) await self.sleep(FOR_EVER_MS);
}

/** Returns how long the content was. */
async function showEnd(self: Command, options: HeadTail, path: string): Promise<number> {
  if (isEndless(self.path(path))) return hoard(self);
  const content =
    path === '-' ? await self.readBytes(self.process.stdin) : self.process.files.read(self.path(path));
  const { count, sign } = options.amount;
  let start: number;
  if (options.bytes) start = sign === '+' ? Math.max(0, count - 1) : Math.max(0, content.length - count);
  else start = sign === '+' ? afterLines(content, count - 1) : beforeLastLines(content, count);
  if (start < content.length) await self.print(content.slice(start));
  return content.length;
}

function afterLines(content: Uint8Array, count: number): number {
  let at = 0;
  for (let left = count; left > 0; left -= 1) {
    const newline = content.indexOf(10, at);
    if (newline < 0) return content.length;
    at = newline + 1;
  }
  return at;
}

function beforeLastLines(content: Uint8Array, count: number): number {
  if (count === 0) return content.length;
  let at = content.length - (content.at(-1) === 10 ? 1 : 0);
  for (let left = count; left > 0; left -= 1) {
    at = at <= 0 ? -1 : content.lastIndexOf(10, at - 1);
    if (at < 0) return 0;
  }
  return at + 1;
}

/** Until it is stopped. Looks at the files once in a while, as busybox does. */
async function follow(self: Command, options: HeadTail, shown: Map<string, number>): Promise<never> {
  const { files, progress } = self.process;
  let last = options.paths.at(-1);
  progress.save(Object.fromEntries(shown));
  for (;;) {
    await self.sleep(options.everyMs);
    let changed = false;
    for (const [path, offset] of shown) {
      const absolute = self.path(path);
      const sizeBytes = files.exists(absolute) ? files.stat(absolute).sizeBytes : offset;
      if (sizeBytes === offset) continue;
      if (options.shows(path) && path !== last) await self.print(`\n==> ${path} <==\n`);
      last = path;
      // A file that is shorter than before was begun anew.
      await self.print(files.read(absolute).slice(sizeBytes < offset ? 0 : offset, sizeBytes));
      shown.set(path, sizeBytes);
      changed = true;
    }
    if (changed) progress.save(Object.fromEntries(shown));
  }
}

const tee = command(async (self) => {
  const options = self.options('ai', { append: 'a' });
  const sinks = options.operands.map((path) => self.create(path, { append: options.has('a') }));
  const { stdin } = self.process;
  for (
    let chunk = await self.wait(stdin.read());
    chunk !== undefined;
    chunk = await self.wait(stdin.read())
  ) {
    await self.print(chunk);
    for (const sink of sinks) await sink.write(chunk);
  }
  return 0;
});

interface Counts {
  lines: number;
  words: number;
  bytes: number;
  characters: number;
}

const wc = command(async (self) => {
  const options = self.options('lwcmL', { lines: 'l', words: 'w', bytes: 'c', chars: 'm' });
  const outcome = { failed: false };
  const all = ['l', 'w', 'c', 'm'].every((each) => !options.has(each));
  const total: Counts = { lines: 0, words: 0, bytes: 0, characters: 0 };
  const columns = (counts: Counts): string => {
    const shown: number[] = [];
    if (all || options.has('l')) shown.push(counts.lines);
    if (all || options.has('w')) shown.push(counts.words);
    if (options.has('m')) shown.push(counts.characters);
    if (all || options.has('c')) shown.push(counts.bytes);
    if (shown.length === 1 && options.operands.length <= 1) return String(shown[0]);
    return shown.map((each) => String(each).padStart(all ? 9 : 7)).join(' ');
  };
  for await (const [path, input] of self.inputs(options.operands, outcome)) {
    const counts = await count(self, input);
    for (const key of ['lines', 'words', 'bytes', 'characters'] as const) total[key] += counts[key];
    await self.print(`${columns(counts)}${path === '-' ? '' : ` ${path}`}\n`);
  }
  if (options.operands.length > 1) await self.print(`${columns(total)} total\n`);
  return outcome.failed ? 1 : 0;
});

async function count(self: Command, input: Input): Promise<Counts> {
  const counts: Counts = { lines: 0, words: 0, bytes: 0, characters: 0 };
  let inWord = false;
  for (
    let chunk = await self.wait(input.read());
    chunk !== undefined;
    chunk = await self.wait(input.read())
  ) {
    counts.bytes += chunk.length;
    for (const byte of chunk) {
      if (byte === 10) counts.lines += 1;
      // Bytes that continue a character do not count.
      if ((byte & 0xc0) !== 0x80) counts.characters += 1;
      const isBlank = byte === 32 || (byte >= 9 && byte <= 13);
      if (!isBlank && !inWord) counts.words += 1;
      inWord = !isBlank;
    }
  }
  return counts;
}

const nl = command(async (self) => {
  const options = self.options('b:w:s:');
  const outcome = { failed: false };
  const width = options.number('w', 6);
  let number = 0;
  for await (const [, input] of self.inputs(options.operands, outcome)) {
    for await (const line of input.lines()) {
      const isNumbered = line !== '' || options.value('b') === 'a';
      if (isNumbered) number += 1;
      const label = isNumbered
        ? `${String(number).padStart(width)}${options.value('s') ?? '\t'}`
        : ' '.repeat(width + 1);
      await self.print(`${label}${line}\n`);
    }
  }
  return outcome.failed ? 1 : 0;
});

const rev = command(async (self) => {
  const outcome = { failed: false };
  for await (const [, input] of self.inputs(self.args, outcome))
    for await (const line of input.lines()) await self.print(`${Array.from(line).reverse().join('')}\n`);
  return outcome.failed ? 1 : 0;
});

export const TEXT_VIEW_PROGRAMS: Programs = { cat, tac, head, tail, tee, wc, nl, rev, more: cat, less: cat };
