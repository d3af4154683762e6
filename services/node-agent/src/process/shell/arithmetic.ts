/** Arithmetic of the shell: 64-bit integers that wrap, operators of C (POSIX XCU 2.6.4, and bash's). */

import { type ArithmeticExpression, type ArithmeticWord, parse } from 'unbash';
import { dynamicVariable } from './dynamic-variables.ts';
import { SYNTAX_DEPTH } from './limits.ts';
import { ShellError } from './parse.ts';
import type { Shell } from './shell.ts';

/** Expands the words of an expression, which may hold substitutions. */
export type ExpandWord = (word: ArithmeticWord) => Promise<string>;

/** @throws ShellError */
export async function evaluate(
  shell: Shell,
  expression: ArithmeticExpression | undefined,
  expand: ExpandWord,
  depth = 0,
): Promise<bigint> {
  if (expression === undefined) return 0n;
  if (depth > SYNTAX_DEPTH) throw new ShellError('arithmetic expression: recursion level exceeded');
  const value = (each: ArithmeticExpression): Promise<bigint> => evaluate(shell, each, expand, depth + 1);
  switch (expression.type) {
    case 'ArithmeticWord':
      return wordValue(shell, isPlain(expression) ? expression.value : await expand(expression), depth);
    case 'ArithmeticGroup':
      return value(expression.expression);
    case 'ArithmeticTernary':
      return value((await value(expression.test)) === 0n ? expression.alternate : expression.consequent);
    case 'ArithmeticUnary': {
      const { operator, operand } = expression;
      if (operator !== '++' && operator !== '--') return unary(operator, await value(operand));
      const before = await value(operand);
      const after = wrap(operator === '++' ? before + 1n : before - 1n);
      await assign(shell, operand, after, expand);
      return expression.prefix ? after : before;
    }
    case 'ArithmeticBinary': {
      const { operator, left, right } = expression;
      if (operator === '&&') return (await value(left)) !== 0n && (await value(right)) !== 0n ? 1n : 0n;
      if (operator === '||') return (await value(left)) !== 0n || (await value(right)) !== 0n ? 1n : 0n;
      if (operator === '=') return assign(shell, left, await value(right), expand);
      if (operator.endsWith('=') && !['==', '!=', '<=', '>='].includes(operator)) {
        const result = binary(operator.slice(0, -1), await value(left), await value(right));
        return assign(shell, left, result, expand);
      }
      return binary(operator, await value(left), await value(right));
    }
    case 'ArithmeticCommandExpansion': {
      const { pos, end, text } = expression;
      return wordValue(shell, await expand({ type: 'ArithmeticWord', pos, end, value: text }), depth);
    }
  }
}

function isPlain({ parts, value }: ArithmeticWord): boolean {
  return parts === undefined && !value.includes('$');
}

/** A number, a name, or (after expansion) an expression. */
async function wordValue(shell: Shell, text: string, depth: number): Promise<bigint> {
  const trimmed = text.trim();
  if (trimmed === '') return 0n;
  if (depth > SYNTAX_DEPTH / 4) throw new ShellError(`${trimmed}: expression recursion level exceeded`);
  const number = parseNumber(trimmed);
  if (number !== undefined) return number;
  const reference = /^([A-Za-z_]\w*)(?:\[(.*)\])?$/s.exec(trimmed);
  if (reference === null) return evaluateText(shell, trimmed, depth + 1);
  const [, name, subscript] = reference;
  let value: string | undefined;
  if (subscript === undefined) {
    value = shell.variables.get(name!) ?? dynamicVariable(shell, name!);
    if (value === undefined && shell.options.nounset) throw new ShellError(`${name}: parameter not set`);
  } else {
    const array = shell.variables.value(name!);
    const index = Number(await evaluateText(shell, subscript, depth + 1));
    value = typeof array === 'object' ? array.at(index) : index === 0 ? array : undefined;
  }
  return value === undefined ? 0n : wordValue(shell, value, depth + 1);
}

/** Of text that expansion or a variable has produced. @throws ShellError */
export async function evaluateText(shell: Shell, text: string, depth = 0): Promise<bigint> {
  if (depth > SYNTAX_DEPTH / 4) throw new ShellError(`${text}: expression recursion level exceeded`);
  const number = parseNumber(text.trim());
  if (number !== undefined) return number;
  const script = parse(`((${text}))`);
  const command = script.commands[0]?.command;
  if (script.errors !== undefined || command?.type !== 'ArithmeticCommand' || script.commands.length !== 1)
    throw new ShellError(`arithmetic syntax error: ${text}`);
  // Only names and numbers are left in text that has been expanded.
  return evaluate(shell, command.expression, (word) => Promise.resolve(word.value), depth + 1);
}

function parseNumber(text: string): bigint | undefined {
  if (/^[-+]?(?:0[xX][0-9a-fA-F]+|[1-9]\d*|0)$/.test(text))
    return wrap(text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text.replace(/^\+/, '')));
  if (/^0[0-7]+$/.test(text)) return wrap(BigInt(`0o${text.slice(1)}`));
  const based = /^(\d+)#([0-9a-zA-Z]+)$/.exec(text);
  if (based === null) return undefined;
  const base = Number(based[1]);
  let value = 0n;
  for (const digit of based[2]!.toLowerCase()) {
    const amount = Number.parseInt(digit, 36);
    if (amount >= base) throw new ShellError(`${text}: value too great for base`, 1);
    value = value * BigInt(base) + BigInt(amount);
  }
  return wrap(value);
}

function wrap(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

function unary(operator: string, value: bigint): bigint {
  switch (operator) {
    case '-':
      return wrap(-value);
    case '!':
      return value === 0n ? 1n : 0n;
    case '~':
      return ~value;
    default:
      return value;
  }
}

function binary(operator: string, left: bigint, right: bigint): bigint {
  const truth = (yes: boolean): bigint => (yes ? 1n : 0n);
  if ((operator === '/' || operator === '%') && right === 0n) throw new ShellError('divide by zero', 1);
  switch (operator) {
    case '+':
      return wrap(left + right);
    case '-':
      return wrap(left - right);
    case '*':
      return wrap(left * right);
    case '/':
      return wrap(left / right);
    case '%':
      return left % right;
    case '**':
      return power(left, right);
    case '<<':
      return wrap(left << (right & 63n));
    case '>>':
      return left >> (right & 63n);
    case '<':
      return truth(left < right);
    case '>':
      return truth(left > right);
    case '<=':
      return truth(left <= right);
    case '>=':
      return truth(left >= right);
    case '==':
      return truth(left === right);
    case '!=':
      return truth(left !== right);
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case ',':
      return right;
    default:
      throw new ShellError(`arithmetic syntax error: ${operator}`);
  }
}

function power(base: bigint, exponent: bigint): bigint {
  if (exponent < 0n) throw new ShellError('exponent less than 0', 1);
  let result = 1n;
  let square = base;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = wrap(result * square);
    square = wrap(square * square);
  }
  return result;
}

async function assign(
  shell: Shell,
  target: ArithmeticExpression,
  value: bigint,
  expand: ExpandWord,
): Promise<bigint> {
  const text =
    target.type === 'ArithmeticWord' ? (isPlain(target) ? target.value : await expand(target)) : '';
  const reference = /^\s*([A-Za-z_]\w*)(?:\[(.*)\])?\s*$/s.exec(text);
  if (reference === null) throw new ShellError('arithmetic syntax error: assignment to what is no variable');
  const [, name, subscript] = reference;
  if (subscript === undefined) shell.variables.set(name!, String(value));
  else shell.variables.setElement(name!, Number(await evaluateText(shell, subscript)), String(value));
  return value;
}
