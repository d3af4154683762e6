/** Reads scripts of `sed` (POSIX XCU sed, and what GNU adds). */

import { compileRegExp, posixSource } from '../regular-expressions.ts';
import { CommandFailure } from './command.ts';

export type Address =
  | { kind: 'line'; line: number }
  | { kind: 'last' }
  | { kind: 'step'; first: number; step: number }
  | { kind: 'expression'; expression: RegExp }
  | { kind: 'plus'; count: number };

export interface SedCommand {
  first: Address | undefined;
  second: Address | undefined;
  negated: boolean;
  name: string;
  /** Of `a`, `i`, `c`, `r`, `w`, labels, and both halves of `y`. */
  text: string;
  replacement: string;
  expression: RegExp | undefined;
  global: boolean;
  occurrence: number;
  prints: boolean;
  block: SedCommand[];
}

const NO_ARGUMENT = '{}=dDgGhHlnNpPqQxz#';
/** Blocks inside one another. */
const DEEPEST = 32;

export class SedParser {
  readonly #text: string;
  readonly #extended: boolean;
  #at = 0;
  #last: RegExp | undefined;

  constructor(text: string, extended: boolean) {
    this.#text = text;
    this.#extended = extended;
  }

  /** @throws CommandFailure, RegularExpressionError */
  parse(depth = 0): SedCommand[] {
    if (depth > DEEPEST) throw new CommandFailure('too many {');
    const commands: SedCommand[] = [];
    for (;;) {
      this.#skip(/[\s;]/);
      if (this.#at >= this.#text.length) {
        if (depth > 0) throw new CommandFailure('unmatched {');
        return commands;
      }
      if (this.#text[this.#at] === '}') {
        if (depth === 0) throw new CommandFailure('unexpected }');
        this.#at += 1;
        return commands;
      }
      const command = this.#command(depth);
      if (command.name !== '#') commands.push(command);
    }
  }

  #skip(what: RegExp): void {
    while (this.#at < this.#text.length && what.test(this.#text[this.#at]!)) this.#at += 1;
  }

  #command(depth: number): SedCommand {
    const first = this.#address();
    let second: Address | undefined;
    this.#skip(/[ \t]/);
    if (first !== undefined && this.#text[this.#at] === ',') {
      this.#at += 1;
      this.#skip(/[ \t]/);
      second = this.#address();
      if (second === undefined) throw new CommandFailure('unexpected ,');
    }
    this.#skip(/[ \t]/);
    const negated = this.#text[this.#at] === '!';
    if (negated) this.#at += 1;
    this.#skip(/[ \t]/);
    const name = this.#text[this.#at] ?? '';
    this.#at += 1;
    const command: SedCommand = {
      first,
      second,
      negated,
      name,
      text: '',
      replacement: '',
      expression: undefined,
      global: false,
      occurrence: 1,
      prints: false,
      block: [],
    };
    this.#arguments(command, depth);
    return command;
  }

  #arguments(command: SedCommand, depth: number): void {
    const { name } = command;
    if (name === '{') command.block = this.parse(depth + 1);
    else if (name === 's') this.#substitution(command);
    else if (name === 'y') this.#transliteration(command);
    else if ('aic'.includes(name) && name !== '') command.text = this.#textArgument();
    else if (name === '#') this.#skip(/[^\n]/);
    else if ('btT:rRwW'.includes(name) && name !== '') command.text = this.#word(name);
    else if ('qQl'.includes(name) && name !== '') command.text = this.#word('q');
    else if (name === '' || !NO_ARGUMENT.includes(name))
      throw new CommandFailure(`unsupported command ${name}`);
  }

  #word(name: string): string {
    this.#skip(/[ \t]/);
    const end = ('rRwW'.includes(name) ? /\n|$/ : /[\n;}]|$/).exec(this.#text.slice(this.#at))!.index;
    const word = this.#text.slice(this.#at, this.#at + end).trim();
    this.#at += end;
    return word;
  }

  /** After a backslash and a newline, or (GNU) in the same line. */
  #textArgument(): string {
    this.#skip(/[ \t]/);
    if (this.#text[this.#at] === '\\') {
      this.#at += 1;
      this.#skip(/[ \t]/);
      if (this.#text[this.#at] === '\n') this.#at += 1;
    }
    let text = '';
    for (; this.#at < this.#text.length && this.#text[this.#at] !== '\n'; this.#at += 1) {
      if (this.#text[this.#at] === '\\' && this.#at + 1 < this.#text.length) this.#at += 1;
      text += this.#text[this.#at]!;
    }
    return `${text}\n`;
  }

  #address(): Address | undefined {
    const rest = this.#text.slice(this.#at);
    const number = /^(\d+)(?:~(\d+))?/.exec(rest);
    if (number !== null) {
      this.#at += number[0].length;
      if (number[2] === undefined) return { kind: 'line', line: Number(number[1]) };
      return { kind: 'step', first: Number(number[1]), step: Number(number[2]) };
    }
    const plus = /^\+(\d+)/.exec(rest);
    if (plus !== null) {
      this.#at += plus[0].length;
      return { kind: 'plus', count: Number(plus[1]) };
    }
    if (rest.startsWith('$')) {
      this.#at += 1;
      return { kind: 'last' };
    }
    if (!/^[/\\]/.test(rest)) return undefined;
    if (rest.startsWith('\\')) this.#at += 1;
    const source = this.#delimited(this.#text[this.#at]!, true);
    const flags = /^[IM]*/.exec(this.#text.slice(this.#at))![0];
    this.#at += flags.length;
    return { kind: 'expression', expression: this.#compile(source, flags.includes('I') ? 'i' : '') };
  }

  /** An empty expression is the one before it. */
  #compile(source: string, flags: string): RegExp {
    if (source === '' && this.#last !== undefined) return this.#last;
    this.#last = compileRegExp(posixSource(source, { extended: this.#extended }), flags);
    return this.#last;
  }

  /** From the delimiter to the next one that is not quoted and, in an expression, not inside of brackets. */
  #delimited(delimiter: string, isExpression: boolean): string {
    this.#at += 1;
    let result = '';
    let inBracket = false;
    for (; this.#at < this.#text.length; this.#at += 1) {
      const character = this.#text[this.#at]!;
      if (character === '\\' && !inBracket && this.#at + 1 < this.#text.length) {
        this.#at += 1;
        const next = this.#text[this.#at]!;
        result +=
          next === delimiter && next !== '&'
            ? isExpression && /[|+?(){}]/.test(next)
              ? next
              : next
            : `\\${next}`;
      } else if (character === delimiter && !inBracket) {
        this.#at += 1;
        return result;
      } else {
        if (isExpression && character === '[' && !inBracket) {
          inBracket = true;
          // The first one in a bracket means itself.
          const start = /^\[\^?\]?/.exec(this.#text.slice(this.#at))![0];
          result += start;
          this.#at += start.length - 1;
          continue;
        }
        if (character === ']') inBracket = false;
        result += character;
      }
    }
    throw new CommandFailure('unmatched delimiter');
  }

  #substitution(command: SedCommand): void {
    const delimiter = this.#text[this.#at];
    if (delimiter === undefined || delimiter === '\n' || delimiter === '\\')
      throw new CommandFailure('bad option in substitution expression');
    const source = this.#delimited(delimiter, true);
    this.#at -= 1;
    command.replacement = this.#delimited(delimiter, false);
    let flags = '';
    for (
      let flag = this.#text[this.#at];
      flag !== undefined && /[gpiIemM0-9w]/.test(flag);
      flag = this.#text[this.#at]
    ) {
      this.#at += 1;
      if (/\d/.test(flag)) command.occurrence = Number(flag) || 1;
      else if (flag === 'g') command.global = true;
      else if (flag === 'p') command.prints = true;
      else if (flag === 'w') command.text = this.#word('w');
      else if (flag === 'i' || flag === 'I') flags = 'i';
      else if (flag === 'e') throw new CommandFailure('unsupported option e');
    }
    const expression = this.#compile(source, flags);
    command.expression = compileRegExp(expression.source, `${expression.flags}g`);
  }

  #transliteration(command: SedCommand): void {
    const delimiter = this.#text[this.#at] ?? '/';
    const unescape = (text: string): string =>
      text.replaceAll(/\\(.)/gs, (_, each: string) => (each === 'n' ? '\n' : each));
    command.text = unescape(this.#delimited(delimiter, false));
    this.#at -= 1;
    command.replacement = unescape(this.#delimited(delimiter, false));
    if (command.text.length !== command.replacement.length)
      throw new CommandFailure('strings for y command are different lengths');
  }
}
