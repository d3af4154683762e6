/** `sed`: the editor of streams. */

import type { ByteSink } from '../process.ts';
import { FileError } from '../../files/file-system.ts';
import {
  cannotOpen,
  command,
  type Command,
  CommandFailure,
  type Options,
  parseOptions,
  type Programs,
} from './command.ts';
import { type Address, type SedCommand, SedParser } from './sed-script.ts';

/** Jumps and deletions that begin again without reading a line. */
const MOST_STEPS = 100_000;
/** Of the pattern space and the hold space. */
const MOST_CHARACTERS = 4 * 1024 * 1024;

const LONG: Readonly<Record<string, string>> = {
  expression: 'e',
  file: 'f',
  quiet: 'n',
  silent: 'n',
  'regexp-extended': 'E',
  'in-place': 'i',
  separate: 's',
  'null-data': 'z',
};

const sed = command(async (self) => {
  // A suffix may be attached to -i.
  const inPlace = self.args.some((each) => /^-(?:i|-in-place)/.test(each) || /^-[nErs]+i/.test(each));
  const args = self.args.map((each) => each.replace(/^(?:-i.+|--in-place=.*)$/, '-i'));
  const options = parseOptions(args, 'ne:f:Eriszu', LONG);
  const operands = [...options.operands];
  const scripts = [...options.values('e')];
  for (const path of options.values('f'))
    scripts.push((await self.readText(self.open(path))).replace(/\n$/, ''));
  if (scripts.length === 0) {
    const script = operands.shift();
    if (script === undefined) throw new CommandFailure('no script');
    scripts.push(script);
  }
  const commands = new SedParser(scripts.join('\n'), options.has('E') || options.has('r')).parse();
  if (!inPlace) return new Editor(self, options, commands, self.process.stdout).run(operands);
  let status = 0;
  for (const path of operands) {
    const chunks: Buffer[] = [];
    const sink: ByteSink = { write: (data) => void chunks.push(Buffer.from(data)) };
    const result = await new Editor(self, options, commands, sink).run([path]);
    if (result === 0) self.process.files.write(self.path(path), Buffer.concat(chunks));
    else status = result;
  }
  return status;
});

class Editor {
  readonly #self: Command;
  readonly #silent: boolean;
  readonly #commands: readonly SedCommand[];
  readonly #output: ByteSink;
  readonly #inRange = new Map<SedCommand, number>();
  readonly #outputs = new Map<string, ByteSink>();
  #lines!: AsyncGenerator<string>;
  #ahead: string | undefined;
  #pattern = '';
  #hold = '';
  #number = 0;
  #appended: string[] = [];
  #substituted = false;
  #exit: number | undefined;
  #failed = false;

  constructor(self: Command, options: Options, commands: readonly SedCommand[], output: ByteSink) {
    this.#self = self;
    this.#silent = options.has('n');
    this.#commands = commands;
    this.#output = output;
  }

  async run(paths: readonly string[]): Promise<number> {
    this.#lines = this.#read(paths);
    this.#ahead = await this.#nextLine();
    let steps = 0;
    let restarts = false;
    while (this.#exit === undefined && (restarts || this.#ahead !== undefined)) {
      if (!restarts) await this.#advance();
      restarts = false;
      const result = await this.#cycle();
      if (result !== 'delete' && result !== 'quit-silently' && result !== 'restart' && !this.#silent)
        await this.#print(this.#pattern);
      await this.#flushAppended();
      restarts = result === 'restart';
      steps = restarts ? steps + 1 : 0;
      if (steps > MOST_STEPS) throw new CommandFailure('endless loop');
    }
    return this.#exit ?? (this.#failed ? 1 : 0);
  }

  async *#read(paths: readonly string[]): AsyncGenerator<string> {
    for (const path of paths.length === 0 ? ['-'] : paths) {
      try {
        yield* this.#self.open(path).lines();
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        this.#failed = true;
        this.#self.complain(cannotOpen(path, error));
      }
    }
  }

  async #nextLine(): Promise<string | undefined> {
    const next = await this.#self.wait(this.#lines.next());
    return next.done === true ? undefined : next.value;
  }

  async #advance(): Promise<void> {
    this.#pattern = this.#ahead ?? '';
    this.#number += 1;
    this.#ahead = await this.#nextLine();
    this.#substituted = false;
  }

  async #print(text: string): Promise<void> {
    await this.#output.write(`${text}\n`);
  }

  async #flushAppended(): Promise<void> {
    for (const text of this.#appended) await this.#output.write(text);
    this.#appended = [];
  }

  #matches(address: Address): boolean {
    switch (address.kind) {
      case 'line':
        return address.line === this.#number;
      case 'last':
        return this.#ahead === undefined;
      case 'step':
        return address.step === 0
          ? this.#number === address.first
          : this.#number >= address.first && (this.#number - address.first) % address.step === 0;
      case 'expression':
        return address.expression.test(this.#pattern);
      case 'plus':
        return false;
    }
  }

  #isSelected(each: SedCommand): boolean {
    const { first, second } = each;
    if (first === undefined) return true;
    if (second === undefined) return this.#matches(first);
    const end = this.#inRange.get(each);
    if (end !== undefined) {
      const isOver = Number.isFinite(end) ? this.#number >= end : this.#matches(second);
      if (isOver) this.#inRange.delete(each);
      return !Number.isFinite(end) || this.#number <= end;
    }
    const isZero = first.kind === 'line' && first.line === 0 && this.#number === 1;
    if (!isZero && !this.#matches(first)) return false;
    const until =
      second.kind === 'line' ? second.line : second.kind === 'plus' ? this.#number + second.count : Infinity;
    if (until > this.#number && !(isZero && this.#matches(second))) this.#inRange.set(each, until);
    return true;
  }

  /** Runs the script over the pattern space. */
  async #cycle(): Promise<'end' | 'delete' | 'restart' | 'quit-silently'> {
    const flat = flatten(this.#commands);
    for (let at = 0, steps = 0; at < flat.length; at += 1, steps += 1) {
      if (steps > MOST_STEPS) throw new CommandFailure('endless loop');
      const { command: each, skipTo } = flat[at]!;
      if (this.#isSelected(each) === each.negated) {
        if (each.name === '{') at = skipTo;
        continue;
      }
      const jumps =
        each.name === 'b' ||
        (each.name === 't' && this.#substituted) ||
        (each.name === 'T' && !this.#substituted);
      if (each.name === 't' || each.name === 'T') this.#substituted = false;
      if (jumps) {
        at =
          each.text === ''
            ? flat.length
            : flat.findIndex((other) => other.command.name === ':' && other.command.text === each.text);
        if (at < 0) throw new CommandFailure(`can't find label for jump to '${each.text}'`);
        continue;
      }
      const result = await this.#execute(each);
      if (result !== undefined) return result;
    }
    return 'end';
  }

  async #execute(each: SedCommand): Promise<'end' | 'delete' | 'restart' | 'quit-silently' | undefined> {
    switch (each.name) {
      case 's':
        await this.#substitute(each);
        return undefined;
      case 'y':
        this.#pattern = Array.from(
          this.#pattern,
          (character) => each.replacement[each.text.indexOf(character)] ?? character,
        ).join('');
        return undefined;
      case 'd':
        return 'delete';
      case 'D': {
        const newline = this.#pattern.indexOf('\n');
        if (newline < 0) return 'delete';
        this.#pattern = this.#pattern.slice(newline + 1);
        return 'restart';
      }
      case 'p':
        await this.#print(this.#pattern);
        return undefined;
      case 'P':
        await this.#print(this.#pattern.split('\n', 1)[0]!);
        return undefined;
      case '=':
        await this.#print(String(this.#number));
        return undefined;
      case 'l':
        await this.#print(`${JSON.stringify(this.#pattern).slice(1, -1)}$`);
        return undefined;
      case 'n':
      case 'N':
        return this.#next(each.name);
      case 'q':
        this.#exit = Number(each.text || 0) & 0xff;
        return 'end';
      case 'Q':
        this.#exit = Number(each.text || 0) & 0xff;
        return 'quit-silently';
      case 'a':
        this.#appended.push(each.text);
        return undefined;
      case 'i':
        await this.#output.write(each.text);
        return undefined;
      case 'c':
        if (each.second === undefined || !this.#inRange.has(each)) await this.#output.write(each.text);
        return 'delete';
      case 'r':
        if (this.#self.process.files.exists(this.#self.path(each.text)))
          this.#appended.push(
            Buffer.from(this.#self.process.files.read(this.#self.path(each.text))).toString(),
          );
        return undefined;
      case 'w':
        await this.#file(each.text).write(`${this.#pattern}\n`);
        return undefined;
      default:
        this.#moveSpaces(each.name);
        return undefined;
    }
  }

  #moveSpaces(name: string): void {
    if (name === 'h') this.#hold = this.#pattern;
    else if (name === 'H') this.#hold = this.#limited(`${this.#hold}\n${this.#pattern}`);
    else if (name === 'g') this.#pattern = this.#hold;
    else if (name === 'G') this.#pattern = this.#limited(`${this.#pattern}\n${this.#hold}`);
    else if (name === 'x') [this.#pattern, this.#hold] = [this.#hold, this.#pattern];
    else if (name === 'z') this.#pattern = '';
  }

  #limited(text: string): string {
    if (text.length > MOST_CHARACTERS) throw new CommandFailure('out of memory');
    return text;
  }

  async #next(name: 'n' | 'N'): Promise<'end' | 'quit-silently' | undefined> {
    if (this.#ahead === undefined) {
      // GNU prints what there is when no line comes after it.
      this.#exit = 0;
      return 'end';
    }
    const before = this.#pattern;
    if (name === 'n' && !this.#silent) await this.#print(before);
    await this.#flushAppended();
    const substituted = this.#substituted;
    await this.#advance();
    this.#substituted = substituted;
    if (name === 'N') this.#pattern = this.#limited(`${before}\n${this.#pattern}`);
    return undefined;
  }

  async #substitute(each: SedCommand): Promise<void> {
    let seen = 0;
    let changed = false;
    this.#pattern = this.#limited(
      this.#pattern.replace(each.expression!, (...match: unknown[]) => {
        seen += 1;
        const whole = match[0] as string;
        if (seen < each.occurrence || (!each.global && seen > each.occurrence)) return whole;
        changed = true;
        return replacementOf(
          each.replacement,
          match.filter((group) => typeof group !== 'number' && typeof group !== 'object') as (
            | string
            | undefined
          )[],
        );
      }),
    );
    if (!changed) return;
    this.#substituted = true;
    if (each.prints) await this.#print(this.#pattern);
    if (each.text !== '') await this.#file(each.text).write(`${this.#pattern}\n`);
  }

  #file(path: string): ByteSink {
    let sink = this.#outputs.get(path);
    if (sink === undefined) {
      sink = this.#self.create(path);
      this.#outputs.set(path, sink);
    }
    return sink;
  }
}

interface FlatCommand {
  command: SedCommand;
  /** Of a block the index of its last command. */
  skipTo: number;
}

function flatten(commands: readonly SedCommand[], offset = 0): FlatCommand[] {
  const flat: FlatCommand[] = [];
  for (const each of commands) {
    const block = each.name === '{' ? flatten(each.block, offset + flat.length + 1) : [];
    flat.push({ command: each, skipTo: offset + flat.length + block.length }, ...block);
  }
  return flat;
}

/** `&`, `\1`, `\n`, and GNU's `\U \L \u \l \E`. */
function replacementOf(replacement: string, groups: readonly (string | undefined)[]): string {
  let result = '';
  let mode = '';
  let once = '';
  const add = (text: string): void => {
    let changed = mode === 'U' ? text.toUpperCase() : mode === 'L' ? text.toLowerCase() : text;
    if (once !== '' && changed !== '') {
      const first = changed.slice(0, 1);
      changed = (once === 'u' ? first.toUpperCase() : first.toLowerCase()) + changed.slice(1);
      once = '';
    }
    result += changed;
  };
  for (let at = 0; at < replacement.length; at += 1) {
    const character = replacement[at]!;
    if (character === '&') {
      add(groups[0] ?? '');
    } else if (character !== '\\') {
      add(character);
    } else {
      at += 1;
      const next = replacement[at] ?? '';
      if (/\d/.test(next)) add(groups[Number(next)] ?? '');
      else if (next === 'n') add('\n');
      else if (next === 't') add('\t');
      else if (next === 'U' || next === 'L') mode = next;
      else if (next === 'E') mode = '';
      else if (next === 'u' || next === 'l') once = next;
      else add(next);
    }
  }
  return result;
}

export const SED_PROGRAMS: Programs = { sed };
