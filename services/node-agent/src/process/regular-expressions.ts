/** Regular expressions of POSIX (XBD 9) by way of JavaScript's, for grep, sed, awk, expr and `[[ =~ ]]`. */

import { setFlagsFromString } from 'node:v8';

// A script chooses both the expression and the text: matching that would take exponential time is
// given to V8's linear engine, so that no script can freeze the agent.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

/** A expression that cannot be compiled; `message` says why. */
export class RegularExpressionError extends Error {}

const CLASSES: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`{-~',
  xdigit: '0-9A-Fa-f',
  cntrl: '\\x00-\\x1f\\x7f',
  print: '\\x20-\\x7e',
  graph: '\\x21-\\x7e',
};

export function escapeForRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** @throws RegularExpressionError */
export function compileRegExp(source: string, flags = ''): RegExp {
  try {
    return new RegExp(source, flags);
  } catch {
    throw new RegularExpressionError('Invalid regular expression');
  }
}

/**
 * The bracket expression that begins at `start`, as JavaScript writes it; undefined when it is not
 * closed. `end` is the place of its `]`. Where `escapes` a backslash quotes, as in awk and in patterns.
 */
export function bracketSource(
  text: string,
  start: number,
  escapes: boolean,
): { source: string; end: number } | undefined {
  let at = start + 1;
  const negated = text[at] === '^' || text[at] === '!';
  if (negated) at += 1;
  let body = '';
  for (let first = true; at < text.length; first = false, at += 1) {
    const character = text[at]!;
    if (character === ']' && !first) return { source: `[${negated ? '^' : ''}${body}]`, end: at };
    const named = character === '[' ? /^\[[:.=]([^:.=\]]+)[:.=]\]/.exec(text.slice(at, at + 20)) : null;
    if (named !== null) {
      body += CLASSES[named[1]!] ?? escapeInBracket(named[1]!);
      at += named[0].length - 1;
    } else if (escapes && character === '\\' && at + 1 < text.length) {
      at += 1;
      body += /[nrtfvdws]/i.test(text[at]!) ? `\\${text[at]!}` : escapeInBracket(text[at]!);
    } else if (character === '-' && !first && text[at + 1] !== ']') {
      body += '-';
    } else {
      body += escapeInBracket(character);
    }
  }
  return undefined;
}

function escapeInBracket(character: string): string {
  return /[\]\\^[-]/.test(character) ? `\\${character}` : character;
}

/** What GNU adds to both kinds, and awk's escapes. */
const ESCAPES: Readonly<Record<string, string>> = {
  w: '\\w',
  W: '\\W',
  s: '\\s',
  S: '\\S',
  b: '\\b',
  B: '\\B',
  '<': '\\b(?=\\w)',
  '>': '\\b(?<=\\w)',
  n: '\\n',
  t: '\\t',
  r: '\\r',
  f: '\\f',
  v: '\\v',
};

/** In a basic expression these operators are written with a backslash, in an extended one without. */
const SWAPPED = '(){}|+?';

/**
 * The JavaScript source of a POSIX expression.
 * @throws RegularExpressionError, also for back-references: nothing matches them in linear time.
 */
export function posixSource(expression: string, options: { extended: boolean }): string {
  const { extended } = options;
  let source = '';
  /** Whether an anchor or a literal star may stand here. */
  let atStart = true;
  for (let at = 0; at < expression.length; at += 1) {
    const character = expression[at]!;
    const next = expression[at + 1];
    let operator: string | undefined;
    if (character === '\\') {
      if (next === undefined) throw new RegularExpressionError('Trailing backslash');
      at += 1;
      if (!extended && SWAPPED.includes(next)) operator = next;
      else if (/[1-9]/.test(next)) throw new RegularExpressionError('Back-references are not supported');
      else source += ESCAPES[next] ?? escapeForRegExp(next);
    } else if (character === '[') {
      const bracket = bracketSource(expression, at, extended);
      if (bracket === undefined) throw new RegularExpressionError('Unmatched [, [^, [:, [., or [=');
      source += bracket.source;
      at = bracket.end;
    } else if (SWAPPED.includes(character)) {
      if (extended) operator = character;
      else source += `\\${character}`;
    } else if (character === '*') {
      source += atStart ? '\\*' : '*';
    } else if (character === '^') {
      source += extended || atStart ? '^' : '\\^';
      if (!extended && atStart) continue;
    } else if (character === '$') {
      const rest = expression.slice(at + 1);
      source += extended || rest === '' || /^\\[)|]/.test(rest) ? '$' : '\\$';
    } else {
      source += character === '.' ? '.' : escapeForRegExp(character);
    }
    if (operator !== undefined) source += operatorSource(operator, expression, at, atStart);
    atStart = operator === '(' || operator === '|';
  }
  return source;
}

/** A brace or a repetition that nothing stands before means itself. */
function operatorSource(operator: string, expression: string, at: number, atStart: boolean): string {
  if (operator === '{' && (atStart || !/^\d*,?\d*\\?\}/.test(expression.slice(at + 1)))) return '\\{';
  if (operator === '}') return /\{\d*,?\d*\\?$/.test(expression.slice(0, at)) ? '}' : '\\}';
  return atStart && '+?'.includes(operator) ? `\\${operator}` : operator;
}
