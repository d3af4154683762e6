/** Scripts to syntax trees, once per distinct text: a thousand pods of one Deployment share one tree. */

import { parse, type ParsedScript } from 'unbash';
import { PARSED_SCRIPT_CHARACTERS, PARSED_SCRIPTS } from './limits.ts';

/** What a shell prints about a script that it cannot run; the exit code is 2 unless said otherwise. */
export class ShellError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 2) {
    super(message);
    this.name = 'ShellError';
    this.exitCode = exitCode;
  }
}

/** In the order of their last use. */
const parsed = new Map<string, ParsedScript>();

/** @throws ShellError with the line of the first mistake. */
export function parseScript(text: string): ParsedScript {
  const known = parsed.get(text);
  if (known !== undefined) {
    parsed.delete(text);
    parsed.set(text, known);
    return known;
  }
  const script = parse(text);
  checkScript(script, text);
  if (text.length <= PARSED_SCRIPT_CHARACTERS) {
    parsed.set(text, script);
    if (parsed.size > PARSED_SCRIPTS) parsed.delete(parsed.keys().next().value!);
  }
  return script;
}

/** Of a nested script: trees of substitutions are made when they are first looked at. @throws ShellError */
export function checkScript(script: ParsedScript | undefined, text: string): ParsedScript {
  const error = script?.errors?.[0];
  if (error !== undefined)
    throw new ShellError(`line ${lineAt(text, error.pos)}: syntax error: ${error.message}`);
  if (script === undefined) throw new ShellError('syntax error: bad substitution');
  return script;
}

/** Counted from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}
