/** The words of an `awk` program. */

import { CommandFailure } from '../command.ts';
import { unescape } from '../printf.ts';

export interface Token {
  type: 'number' | 'string' | 'regexp' | 'name' | 'function' | 'keyword' | 'operator' | 'newline' | 'end';
  text: string;
}

const KEYWORDS = new Set(
  'BEGIN END function func if else while for do break continue next nextfile exit return delete in getline print printf'.split(
    ' ',
  ),
);
const OPERATORS =
  /^(?:\*\*=|\*\*|\+\+|--|\+=|-=|\*=|\/=|%=|\^=|==|<=|>=|!=|&&|\|\||>>|!~|[-+*/%^!<>|?:~$=,;(){}[\]])/;

/** @throws CommandFailure */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const skipped = /^(?:[ \t\r]+|\\\r?\n|#[^\n]*)/.exec(rest);
    if (skipped !== null) {
      at += skipped[0].length;
      continue;
    }
    const [token, length] = nextToken(rest, tokens.at(-1));
    tokens.push(token);
    at += length;
  }
  tokens.push({ type: 'newline', text: '\n' }, { type: 'end', text: '' });
  return tokens;
}

function nextToken(rest: string, before: Token | undefined): [Token, number] {
  if (rest.startsWith('\n')) return [{ type: 'newline', text: '\n' }, 1];
  const number = /^(?:0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)/.exec(rest);
  if (number !== null) return [{ type: 'number', text: number[0] }, number[0].length];
  const name = /^[A-Za-z_]\w*/.exec(rest)?.[0];
  if (name !== undefined) {
    const type = KEYWORDS.has(name) ? 'keyword' : rest[name.length] === '(' ? 'function' : 'name';
    return [{ type, text: name }, name.length];
  }
  if (rest.startsWith('"')) {
    const string = /^"((?:[^"\\\n]|\\[\s\S])*)"/.exec(rest);
    if (string === null) throw new CommandFailure('syntax error: unterminated string', 2);
    const plain = string[1]!.replaceAll('\\\n', '').replaceAll('\\/', '/');
    return [{ type: 'string', text: unescape(plain).text }, string[0].length];
  }
  if (rest.startsWith('/') && !isOperand(before)) {
    const regexp = /^\/((?:[^/\\\n[]|\\.|\[\^?\]?(?:[^\]\\\n]|\\.)*\])*)\//.exec(rest);
    if (regexp === null) throw new CommandFailure('syntax error: unterminated regular expression', 2);
    return [{ type: 'regexp', text: regexp[1]!.replaceAll('\\/', '/') }, regexp[0].length];
  }
  const operator = OPERATORS.exec(rest)?.[0];
  if (operator === undefined)
    throw new CommandFailure(`syntax error at ${JSON.stringify(rest.slice(0, 10))}`, 2);
  return [{ type: 'operator', text: operator }, operator.length];
}

/** After an operand a slash divides. */
function isOperand(token: Token | undefined): boolean {
  if (token === undefined) return false;
  return (
    ['number', 'string', 'name', 'regexp'].includes(token.type) ||
    [')', ']', '$', '++', '--'].includes(token.text)
  );
}
