/**
 * Patterns of the shell (POSIX.1-2024, XCU 2.14). In a pattern a backslash makes the character
 * after it mean itself; that is how quoted text gets into one.
 */

import { bracketSource, compileRegExp, escapeForRegExp } from '../regular-expressions.ts';

const SPECIAL = /[\\*?[\]!+@()|]/g;
export function quotePattern(text: string): string {
  return text.replaceAll(SPECIAL, '\\$&');
}

/** Whether a path could match more than itself. */
export function isPattern(pattern: string): boolean {
  return /(?<!\\)(?:\\\\)*(?:[*?]|\[.*\]|[!+@]\()/.test(pattern);
}

/** The text that a pattern without wildcards stands for. */
export function unquotePattern(pattern: string): string {
  return pattern.replaceAll(/\\(.)/gs, '$1');
}

/**
 * The source of a regular expression. `greedy` chooses the longest match where a part is asked
 * for; with `segment` no wildcard matches a slash.
 */
export function patternSource(pattern: string, options: { lazy?: boolean; segment?: boolean } = {}): string {
  const any = options.segment === true ? '[^/]' : '[\\s\\S]';
  const more = options.lazy === true ? '*?' : '*';
  let source = '';
  const closers: string[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at]!;
    const next = pattern[at + 1];
    if (character === '\\' && next !== undefined) {
      source += escapeForRegExp(next);
      at += 1;
    } else if ('?*+@!'.includes(character) && next === '(') {
      source += character === '!' ? '(?:(?!(?:' : '(?:';
      closers.push(character === '!' ? `)$)${any}*)` : character === '@' ? ')' : `)${character}`);
      at += 1;
    } else if (character === ')' && closers.length > 0) {
      source += closers.pop()!;
    } else if (character === '|' && closers.length > 0) {
      source += '|';
    } else if (character === '*') {
      // Several stars mean what one means, and would be slow.
      if (pattern[at - 1] !== '*' || at < 1) source += any + more;
    } else if (character === '?') {
      source += any;
    } else if (character === '[') {
      const bracket = bracketSource(pattern, at, true);
      source += bracket === undefined ? '\\[' : bracket.source;
      if (bracket !== undefined) at = bracket.end;
    } else {
      source += escapeForRegExp(character);
    }
  }
  // What was never closed meant itself; a pattern this odd matches nothing.
  return closers.length > 0 ? '(?!)' : source;
}

/** The whole text. */
export function matchesPattern(pattern: string, text: string): boolean {
  if (!isPattern(pattern)) return unquotePattern(pattern) === text;
  return compile(`^${patternSource(pattern)}$`).test(text);
}

/** A regular expression that is wrong (a range out of order) matches nothing. */
export function compile(source: string, flags = ''): RegExp {
  try {
    return compileRegExp(source, flags);
  } catch {
    return /(?!)/;
  }
}
