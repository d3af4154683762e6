/** Commands about words and numbers: basename, dirname, expr, bc, and digests: md5sum, base64, od, hexdump, cksum. */

import { createHash } from 'node:crypto';
import { compileRegExp, posixSource } from '../regular-expressions.ts';
import { command, type Command, CommandFailure, type Programs } from './command.ts';

const basename = command(async (self) => {
  const options = self.options('as:z', { suffix: 's', multiple: 'a' });
  const all = options.has('a') || options.has('s');
  const suffix = options.value('s') ?? (all ? '' : (options.operands[1] ?? ''));
  if (options.operands.length === 0) throw new CommandFailure('missing operand');
  for (const path of all ? options.operands : options.operands.slice(0, 1)) {
    const trimmed = path.replace(/\/+$/, '');
    const name = trimmed === '' && path !== '' ? '/' : trimmed.split('/').at(-1)!;
    await self.print(
      `${suffix !== '' && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name}\n`,
    );
  }
  return 0;
});

const dirname = command(async (self) => {
  if (self.args.length === 0) throw new CommandFailure('missing operand');
  for (const path of self.args) {
    const parent = path.replace(/\/+$/, '').replace(/\/*[^/]*$/, '');
    await self.print(`${parent === '' ? (path.startsWith('/') ? '/' : '.') : parent}\n`);
  }
  return 0;
});

/** Exit code 1 for an empty result or zero, 2 for what is no expression. */
const expr = command(async (self) => {
  const result = new Expr(self.args).evaluate();
  await self.print(`${result}\n`);
  return result === '' || result === '0' ? 1 : 0;
}, 2);

class Expr {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  evaluate(): string {
    const result = this.#level(0);
    if (this.#at < this.#words.length) throw new CommandFailure('syntax error', 2);
    return result;
  }

  #level(level: number): string {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#primary();
    let left = this.#level(level + 1);
    for (
      let operator = this.#words[this.#at];
      operator !== undefined && operators.includes(operator);
      operator = this.#words[this.#at]
    ) {
      this.#at += 1;
      left = combine(operator, left, this.#level(level + 1));
    }
    return left;
  }

  #primary(): string {
    const word = this.#words[this.#at];
    if (word === undefined) throw new CommandFailure('syntax error', 2);
    this.#at += 1;
    if (word === '(') {
      const result = this.#level(0);
      if (this.#words[this.#at] !== ')') throw new CommandFailure('syntax error', 2);
      this.#at += 1;
      return result;
    }
    if (word === 'length') return String(this.#primary().length);
    if (word === 'substr') {
      const [text, from, count] = [this.#primary(), Number(this.#primary()), Number(this.#primary())];
      return text.slice(from - 1, from - 1 + count);
    }
    if (word === 'index') {
      const [text, characters] = [this.#primary(), this.#primary()];
      return String(Array.from(text).findIndex((each) => characters.includes(each)) + 1);
    }
    if (word === 'match') return combine(':', this.#primary(), this.#primary());
    return word;
  }
}

const LEVELS: readonly (readonly string[])[] = [
  ['|'],
  ['&'],
  ['=', '==', '!=', '<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%'],
  [':'],
];

function combine(operator: string, left: string, right: string): string {
  const isEmpty = (text: string): boolean => text === '' || text === '0';
  if (operator === '|') return isEmpty(left) ? right : left;
  if (operator === '&') return isEmpty(left) || isEmpty(right) ? '0' : left;
  if (operator === ':') {
    const source = posixSource(right.replace(/^\^/, ''), { extended: false });
    const match = compileRegExp(`^(?:${source})`).exec(left);
    return right.includes('\\(') ? (match?.[1] ?? '') : String(match?.[0].length ?? 0);
  }
  const areNumbers = /^-?\d+$/.test(left) && /^-?\d+$/.test(right);
  if (LEVELS[2]!.includes(operator)) {
    const [a, b] = areNumbers ? [BigInt(left), BigInt(right)] : [left, right];
    const order = a < b ? -1 : a > b ? 1 : 0;
    return String(
      Number(
        {
          '=': order === 0,
          '==': order === 0,
          '!=': order !== 0,
          '<': order < 0,
          '<=': order <= 0,
          '>': order > 0,
          '>=': order >= 0,
        }[operator],
      ),
    );
  }
  if (!areNumbers) throw new CommandFailure('non-integer argument', 2);
  const [a, b] = [BigInt(left), BigInt(right)];
  if ('/%'.includes(operator) && b === 0n) throw new CommandFailure('division by zero', 2);
  const value =
    operator === '+'
      ? a + b
      : operator === '-'
        ? a - b
        : operator === '*'
          ? a * b
          : operator === '/'
            ? a / b
            : a % b;
  return String(BigInt.asIntN(64, value));
}

const ALGORITHM: Readonly<Record<string, string>> = {
  md5sum: 'md5',
  sha1sum: 'sha1',
  sha256sum: 'sha256',
  sha512sum: 'sha512',
};

const digest = command(async (self) => {
  const options = self.options('cbtsw', { check: 'c' });
  const outcome = { failed: false };
  for await (const [path, input] of self.inputs(options.operands, outcome)) {
    if (options.has('c')) {
      for (const line of (await self.readText(input)).split('\n')) {
        const [, sum, name] = /^([\da-f]+)\s+\*?(.*)$/.exec(line) ?? [];
        if (sum === undefined) continue;
        const isRight = (await digestOf(self, self.open(name!))) === sum;
        if (!isRight) outcome.failed = true;
        if (!options.has('s')) await self.print(`${name}: ${isRight ? 'OK' : 'FAILED'}\n`);
      }
      continue;
    }
    await self.print(`${await digestOf(self, input)}  ${path}\n`);
  }
  return outcome.failed ? 1 : 0;
});

async function digestOf(self: Command, input: { read(): Promise<Uint8Array | undefined> }): Promise<string> {
  const hash = createHash(ALGORITHM[self.name] ?? 'sha256');
  for (let chunk = await self.wait(input.read()); chunk !== undefined; chunk = await self.wait(input.read()))
    hash.update(chunk);
  return hash.digest('hex');
}

const base64 = command(async (self) => {
  const options = self.options('dDw:i', { decode: 'd', wrap: 'w' });
  const outcome = { failed: false };
  for await (const [, input] of self.inputs(options.operands, outcome)) {
    const bytes = await self.readBytes(input);
    if (options.has('d') || options.has('D')) {
      await self.print(Buffer.from(bytes.toString('latin1').replaceAll(/\s/g, ''), 'base64'));
      continue;
    }
    const text = bytes.toString('base64');
    const width = options.number('w', 76);
    await self.print(
      width === 0
        ? text
        : (text.match(new RegExp(`.{1,${Math.min(width, 65_535)}}`, 'g')) ?? [])
            .map((line) => `${line}\n`)
            .join(''),
    );
  }
  return outcome.failed ? 1 : 0;
});

const hexdump = command(async (self) => {
  const options = self.options('Cn:v');
  const bytes = (await self.readBytes(self.open(options.operands[0] ?? '-'))).subarray(
    0,
    options.number('n', Infinity),
  );
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const offset = at.toString(16).padStart(options.has('C') || self.name === 'xxd' ? 8 : 7, '0');
    if (options.has('C')) {
      const half = (part: Buffer): string =>
        Array.from(part, (each) => each.toString(16).padStart(2, '0'))
          .join(' ')
          .padEnd(23);
      await self.print(
        `${offset}  ${half(row.subarray(0, 8))}  ${half(row.subarray(8))}  |${printable(row)}|\n`,
      );
    } else if (self.name === 'xxd') {
      const pairs = (row.toString('hex').match(/.{1,4}/g) ?? []).join(' ').padEnd(39);
      await self.print(`${offset}: ${pairs}  ${printable(row)}\n`);
    } else {
      const words = Array.from({ length: Math.ceil(row.length / 2) }, (_, index) =>
        ((row[index * 2 + 1] ?? 0) * 256 + row[index * 2]!).toString(16).padStart(4, '0'),
      );
      await self.print(`${offset} ${words.join(' ')}\n`);
    }
  }
  if (self.name !== 'xxd')
    await self.print(`${bytes.length.toString(16).padStart(options.has('C') ? 8 : 7, '0')}\n`);
  return 0;
});

function printable(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll(/[^ -~]/g, '.');
}

const NAMED: Readonly<Record<number, string>> = {
  0: '\\0',
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
};

const od = command(async (self) => {
  const options = self.options('cxbt:A:N:v', { 'read-bytes': 'N' });
  const bytes = (await self.readBytes(self.open(options.operands[0] ?? '-'))).subarray(
    0,
    options.number('N', Infinity),
  );
  const kind = options.value('t') ?? (options.has('c') ? 'c' : options.has('x') ? 'x2' : 'o2');
  const showsOffset = options.value('A') !== 'n';
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    let text: string;
    if (kind.startsWith('c'))
      text = Array.from(row, (each) =>
        (
          NAMED[each] ??
          (each >= 32 && each < 127 ? String.fromCodePoint(each) : each.toString(8).padStart(3, '0'))
        ).padStart(4),
      ).join('');
    else if (kind.endsWith('1'))
      text = Array.from(
        row,
        (each) =>
          ` ${kind.startsWith('x') ? each.toString(16).padStart(2, '0') : kind.startsWith('u') ? String(each).padStart(3) : each.toString(8).padStart(3, '0')}`,
      ).join('');
    else {
      const width = kind.endsWith('4') ? 4 : kind.endsWith('8') ? 8 : 2;
      const words = Array.from({ length: Math.ceil(row.length / width) }, (_, index) => {
        let value = 0n;
        for (let byte = width - 1; byte >= 0; byte -= 1)
          value = value * 256n + BigInt(row[index * width + byte] ?? 0);
        return kind.startsWith('x')
          ? value.toString(16).padStart(width * 2, '0')
          : kind.startsWith('o')
            ? value.toString(8).padStart(6, '0')
            : String(value).padStart(10);
      });
      text = words.map((each) => ` ${each}`).join('');
    }
    await self.print(`${showsOffset ? at.toString(8).padStart(7, '0') : ''}${text}\n`);
  }
  if (showsOffset) await self.print(`${bytes.length.toString(8).padStart(7, '0')}\n`);
  return 0;
});

export const WORD_PROGRAMS: Programs = {
  basename,
  dirname,
  expr,
  md5sum: digest,
  sha1sum: digest,
  sha256sum: digest,
  sha512sum: digest,
  base64,
  hexdump,
  xxd: hexdump,
  od,
};
