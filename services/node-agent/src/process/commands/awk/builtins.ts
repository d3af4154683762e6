/** The functions that `awk` has. */

import { CommandFailure } from '../command.ts';
import { formatText } from '../printf.ts';
import type { Interpreter } from './interpreter.ts';
import type { Expression } from './syntax.ts';
import { fromOutside, toNumber, toText, type Value } from './values.ts';

const RECORD: Expression = { type: 'field', index: { type: 'number', value: 0 } };

/** `values` are the arguments, but of functions that take an array or an expression. */
export function callBuiltin(
  awk: Interpreter,
  name: string,
  values: readonly Value[],
  args: readonly Expression[],
): Value {
  const text = (index: number): string => toText(values[index]);
  const number = (index: number): number => toNumber(values[index]);
  switch (name) {
    case 'length':
      return length(awk, args[0]);
    case 'substr': {
      // Places are counted from 1, and rounded.
      const start = Math.round(number(1));
      const end = values.length > 2 ? start + Math.round(number(2)) : Infinity;
      return text(0).slice(Math.max(0, start - 1), Math.max(0, end - 1));
    }
    case 'index':
      return text(0).indexOf(text(1)) + 1;
    case 'split':
      return split(awk, args);
    case 'sub':
    case 'gsub':
      return substitute(awk, args, name === 'gsub');
    case 'gensub':
      return generalSubstitute(awk, args);
    case 'match': {
      const match = awk.expressionOf(args[1]!).exec(toText(awk.evaluate(args[0]!)));
      awk.setGlobal('RSTART', match === null ? 0 : match.index + 1);
      awk.setGlobal('RLENGTH', match === null ? -1 : match[0].length);
      return match === null ? 0 : match.index + 1;
    }
    case 'sprintf':
      return sprintf(values);
    case 'tolower':
      return text(0).toLowerCase();
    case 'toupper':
      return text(0).toUpperCase();
    case 'int':
      return Math.trunc(number(0));
    case 'systime':
      return awk.now();
    case 'strftime':
      return awk.now(
        values.length > 0 ? text(0) : '%a %b %e %H:%M:%S %Z %Y',
        values.length > 1 ? number(1) : undefined,
      );
    case 'rand':
      return awk.chance();
    case 'srand':
    case 'fflush':
      return 0;
    case 'close':
      awk.close(text(0));
      return 0;
    case 'system':
      throw new CommandFailure('system is only supported as a statement of its own', 2);
    default: {
      const compute = MATHEMATICS[name];
      if (compute === undefined) throw new CommandFailure(`function ${name} is not defined`, 2);
      return compute(number(0), number(1));
    }
  }
}

const MATHEMATICS: Readonly<Record<string, (x: number, y: number) => number>> = {
  sin: Math.sin,
  cos: Math.cos,
  atan2: Math.atan2,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
};

function length(awk: Interpreter, argument: Expression | undefined): number {
  if (argument === undefined) return awk.record.length;
  if (argument.type === 'name') {
    try {
      return toText(awk.evaluate(argument)).length;
    } catch {
      return awk.array(argument.name).size;
    }
  }
  return toText(awk.evaluate(argument)).length;
}

function split(awk: Interpreter, args: readonly Expression[]): number {
  const text = toText(awk.evaluate(args[0]!));
  const target = args[1];
  if (target?.type !== 'name') throw new CommandFailure('split: second argument is no array', 2);
  const array = awk.array(target.name);
  const given = args[2];
  const parts =
    given === undefined
      ? awk.split(text, awk.text('FS'))
      : given.type === 'regexp'
        ? awk.split(text, `(${given.source})`)
        : awk.split(text, toText(awk.evaluate(given)));
  array.clear();
  for (const [index, part] of parts.entries()) array.set(String(index + 1), fromOutside(part));
  return parts.length;
}

/** `&` is what matched; a backslash before it makes it an ampersand. */
function expand(replacement: string, match: string): string {
  return replacement.replaceAll(/\\\\|\\&|&/g, (each) => (each === '&' ? match : each.slice(1)));
}

function substitute(awk: Interpreter, args: readonly Expression[], isGlobal: boolean): number {
  const expression = awk.expressionOf(args[0]!);
  const replacement = toText(awk.evaluate(args[1]!));
  const target = args[2] ?? RECORD;
  let count = 0;
  const replaced = toText(awk.evaluate(target)).replace(
    new RegExp(expression.source, isGlobal ? 'g' : ''),
    (match) => {
      count += 1;
      return expand(replacement, match);
    },
  );
  if (count > 0) awk.assign(target, replaced);
  return count;
}

function generalSubstitute(awk: Interpreter, args: readonly Expression[]): string {
  const expression = awk.expressionOf(args[0]!);
  const replacement = toText(awk.evaluate(args[1]!));
  const how = toText(awk.evaluate(args[2]!));
  const text = toText(awk.evaluate(args[3] ?? RECORD));
  const wanted = /^[gG]/.test(how) ? 0 : Number(how) || 1;
  let count = 0;
  return text.replace(new RegExp(expression.source, 'g'), (match: string, ...groups: (string | number)[]) => {
    count += 1;
    if (wanted !== 0 && count !== wanted) return match;
    return replacement.replaceAll(/\\(\d)|&/g, (_, digit: string | undefined) =>
      digit === undefined || digit === '0' ? match : String(groups[Number(digit) - 1] ?? ''),
    );
  });
}

/** Numbers go to printf as numbers, whatever they look like as text. */
function sprintf(values: readonly Value[]): string {
  const format = toText(values[0]);
  let next = 1;
  const args: string[] = [];
  for (const [, star, precision, conversion] of format.matchAll(
    /%[-+ #0]*(\*|\d+)?(?:\.(\*|\d*))?([a-zA-Z%])/g,
  )) {
    if (conversion === '%') continue;
    for (const each of [star, precision]) if (each === '*') args.push(String(toNumber(values[next++])));
    const value = values[next++];
    if ('di'.includes(conversion!)) args.push(String(BigInt(Math.trunc(finite(toNumber(value))))));
    else if ('ouxX'.includes(conversion!)) args.push(String(BigInt(Math.trunc(finite(toNumber(value))))));
    else if (conversion === 'c' && typeof value === 'number')
      args.push(String.fromCodePoint(value & 0x1f_ffff));
    else if ('eEfFgG'.includes(conversion!)) args.push(String(toNumber(value)));
    else args.push(toText(value));
  }
  // Backslashes were read when the program was.
  return formatText(format.replaceAll('\\', '\\\\'), args).text;
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
