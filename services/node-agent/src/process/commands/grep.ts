/** `grep`, `egrep`, `fgrep`. */

import { FileError } from '../../files/file-system.ts';
import type { Input } from '../input.ts';
import { compileRegExp, escapeForRegExp, posixSource } from '../regular-expressions.ts';
import { matchesPattern } from '../shell/pattern.ts';
import {
  command,
  type Command,
  CommandFailure,
  type Options,
  parseOptions,
  type Programs,
} from './command.ts';
import { walk } from './file-change.ts';

const LONG: Readonly<Record<string, string>> = {
  'ignore-case': 'i',
  'invert-match': 'v',
  count: 'c',
  'line-number': 'n',
  'files-with-matches': 'l',
  'files-without-match': 'L',
  quiet: 'q',
  silent: 'q',
  recursive: 'r',
  'only-matching': 'o',
  'word-regexp': 'w',
  'line-regexp': 'x',
  'extended-regexp': 'E',
  'fixed-strings': 'F',
  'perl-regexp': 'P',
  'no-messages': 's',
  'max-count': 'm',
  'after-context': 'A',
  'before-context': 'B',
  context: 'C',
  regexp: 'e',
  file: 'f',
  'no-filename': 'h',
  'with-filename': 'H',
  text: 'a',
  include: 'I',
  color: 'G',
  colour: 'G',
  'line-buffered': 'U',
};

const grep = command(async (self) => {
  const options = parse(self);
  const operands = [...options.operands];
  const patterns = [...options.values('e')];
  for (const path of options.values('f'))
    patterns.push(...(await self.readText(self.open(path))).replace(/\n$/, '').split('\n'));
  if (patterns.length === 0) {
    const first = operands.shift();
    if (first === undefined) throw new CommandFailure('no pattern', 2);
    patterns.push(first);
  }
  const search = new Search(self, options, expressionOf(self, options, patterns));
  return search.run(operands);
}, 2);

function parse(self: Command): Options {
  const args = self.args.map((each) => each.replace(/^--colou?r=.*/, '--color').replace(/^-(\d+)$/, '-C$1'));
  return parseOptions(args, SPEC, LONG);
}

const SPEC = 'ivcnlLqrRowxEFPsm:A:B:C:e:f:hHaI:GUzy';

function expressionOf(self: Command, options: Options, patterns: readonly string[]): RegExp {
  const isFixed = options.has('F') || self.name === 'fgrep';
  const extended = options.has('E') || self.name === 'egrep';
  const sources = patterns
    .flatMap((pattern) => pattern.split('\n'))
    .map((pattern) => {
      if (isFixed) return escapeForRegExp(pattern);
      if (options.has('P')) return perlSource(pattern);
      return posixSource(pattern, { extended });
    });
  let source = sources.map((each) => `(?:${each})`).join('|');
  if (options.has('w')) source = `(?<!\\w)(?:${source})(?!\\w)`;
  if (options.has('x')) source = `^(?:${source})$`;
  return compileRegExp(source, options.has('i') || options.has('y') ? 'gi' : 'g');
}

/** What nothing matches in linear time is refused, as for the other kinds. */
function perlSource(pattern: string): string {
  if (/\\[1-9]/.test(pattern)) throw new CommandFailure('Back-references are not supported', 2);
  return pattern.replaceAll('\\K', '').replaceAll(/\(\?[imsx]+\)/g, '');
}

class Search {
  readonly #self: Command;
  readonly #options: Options;
  readonly #expression: RegExp;
  readonly #before: number;
  readonly #after: number;
  #failed = false;
  #found = false;
  #namesFiles = false;

  constructor(self: Command, options: Options, expression: RegExp) {
    this.#self = self;
    this.#options = options;
    this.#expression = expression;
    const context = options.number('C', 0);
    this.#before = options.number('B', context);
    this.#after = options.number('A', context);
  }

  async run(operands: readonly string[]): Promise<number> {
    const options = this.#options;
    const isRecursive = options.has('r') || options.has('R');
    const roots = operands.length === 0 ? [isRecursive ? '.' : '-'] : operands;
    this.#namesFiles = options.has('H') || (!options.has('h') && (roots.length > 1 || isRecursive));
    for (const root of roots) {
      for (const path of isRecursive && root !== '-' ? this.#filesBelow(root) : [root]) {
        await this.#searchFile(path);
        if (options.has('q') && this.#found) return 0;
      }
    }
    if (this.#failed) return 2;
    return this.#found ? 0 : 1;
  }

  *#filesBelow(root: string): Generator<string> {
    const { files } = this.#self.process;
    const base = this.#self.path(root);
    const include = this.#options.value('I');
    for (const path of walk(this.#self, base)) {
      if (files.stat(path, { followSymlinks: false }).type !== 'file') continue;
      if (include !== undefined && !matchesPattern(include, path.split('/').at(-1)!)) continue;
      yield root.replace(/\/$/, '') + path.slice(base.replace(/\/$/, '').length);
    }
  }

  async #searchFile(path: string): Promise<void> {
    let input: Input;
    try {
      input = this.#self.open(path);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      this.#failed = true;
      if (!this.#options.has('s')) this.#self.complain(`${path}: ${error.message}`);
      return;
    }
    const options = this.#options;
    const name = path === '-' ? '(standard input)' : path;
    const count = await this.#searchLines(input, name);
    if (count > 0) this.#found = true;
    const label = this.#namesFiles ? `${name}:` : '';
    if (options.has('q')) return;
    if (options.has('c')) await this.#self.print(`${label}${count}\n`);
    else if ((options.has('l') && count > 0) || (options.has('L') && count === 0))
      await this.#self.print(`${name}\n`);
  }

  async #searchLines(input: Input, name: string): Promise<number> {
    const options = this.#options;
    const isSilent = ['q', 'c', 'l', 'L'].some((each) => options.has(each));
    const most = options.number('m', Infinity);
    const before: [number, string][] = [];
    let count = 0;
    let number = 0;
    let afterLeft = 0;
    let lastShown = 0;
    for (
      let line = await this.#self.wait(input.readLine());
      line !== undefined;
      line = await this.#self.wait(input.readLine())
    ) {
      number += 1;
      this.#expression.lastIndex = 0;
      const matches = this.#expression.test(line.text) !== options.has('v');
      if (matches) {
        count += 1;
        if (options.has('q') || options.has('l')) return count;
        if (!isSilent) {
          if (lastShown > 0 && this.#before + this.#after > 0 && number - before.length > lastShown + 1)
            await this.#self.print('--\n');
          for (const [at, text] of before) await this.#show(name, at, text, '-');
          await this.#show(name, number, line.text, ':');
        }
        lastShown = number;
        before.length = 0;
        afterLeft = this.#after;
        if (count >= most) return count;
      } else if (afterLeft > 0 && !isSilent) {
        await this.#show(name, number, line.text, '-');
        afterLeft -= 1;
        lastShown = number;
      } else if (this.#before > 0) {
        before.push([number, line.text]);
        if (before.length > this.#before) before.shift();
      }
    }
    return count;
  }

  async #show(name: string, number: number, text: string, mark: ':' | '-'): Promise<void> {
    const label = `${this.#namesFiles ? name + mark : ''}${this.#options.has('n') ? `${number}${mark}` : ''}`;
    if (!this.#options.has('o')) {
      await this.#self.print(`${label}${text}\n`);
      return;
    }
    if (mark === '-' || this.#options.has('v')) return;
    this.#expression.lastIndex = 0;
    for (const [match] of text.matchAll(this.#expression))
      if (match !== '') await this.#self.print(`${label}${match}\n`);
  }
}

export const GREP_PROGRAMS: Programs = { grep, egrep: grep, fgrep: grep };
