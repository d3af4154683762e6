/** Brace expansion (bash): `a{b,c}` and `{1..5}`, textual and before all others. */

import { BRACE_WORDS } from './limits.ts';

/** Of the text of one brace expression; undefined when it is none. */
export function expandBraces(text: string): string[] | undefined {
  const body = text.slice(1, -1);
  const range = /^(?:(-?\d+)\.\.(-?\d+)|([A-Za-z])\.\.([A-Za-z]))(?:\.\.(-?\d+))?$/.exec(body);
  if (range !== null) return expandRange(range);
  const alternatives = splitAlternatives(body);
  return alternatives.length > 1 ? alternatives : undefined;
}

function expandRange([, first, last, from, to, by]: RegExpExecArray): string[] | undefined {
  const start = first === undefined ? from!.codePointAt(0)! : Number(first);
  const end = last === undefined ? to!.codePointAt(0)! : Number(last);
  const step = Math.abs(Number(by ?? 1)) || 1;
  if (Math.abs(end - start) / step >= BRACE_WORDS) return undefined;
  const width = [first, last].some((each) => /^-?0\d/.test(each ?? ''))
    ? Math.max(first!.length, last!.length)
    : 0;
  const words: string[] = [];
  for (let at = start; start <= end ? at <= end : at >= end; at += start <= end ? step : -step) {
    const digits = String(Math.abs(at)).padStart(width - (at < 0 ? 1 : 0), '0');
    words.push(first === undefined ? String.fromCodePoint(at) : `${at < 0 ? '-' : ''}${digits}`);
  }
  return words;
}

function splitAlternatives(body: string): string[] {
  const alternatives = [''];
  let depth = 0;
  let quote = '';
  for (let at = 0; at < body.length; at += 1) {
    const character = body[at]!;
    const isEscaped = character === '\\' && quote !== "'";
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '{') depth += 1;
    else if (character === '}') depth -= 1;
    if (character === ',' && depth === 0 && quote === '') {
      alternatives.push('');
    } else {
      alternatives[alternatives.length - 1] += character + (isEscaped ? (body[(at += 1)] ?? '') : '');
    }
  }
  return alternatives;
}
