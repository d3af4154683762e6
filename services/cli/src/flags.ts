/** Flags: one description of each, from which parsing, checking and help follow. */

import { parseArgs } from 'node:util';
import { CliError } from './cli-error.ts';
import { nearest } from './nearest.ts';

interface FlagText {
  /** One letter for `-x`. */
  readonly short?: string;
  /** One sentence for `--help`. */
  readonly help: string;
}

/** On when given, off otherwise. */
export interface SwitchFlag extends FlagText {
  readonly kind: 'switch';
}

interface ValueFlagText extends FlagText {
  /** What stands for the value in help, for example `N`. */
  readonly value: string;
  /** What holds when the flag is not given, in words; applying it is up to the command. */
  readonly otherwise?: string;
}

/** A number between two bounds, both allowed. */
export interface NumberFlag extends ValueFlagText {
  readonly kind: 'integer' | 'decimal';
  readonly min: number;
  readonly max: number;
}

/** A time such as 500ms, 10s or 1m; the command is given milliseconds. Bounds in milliseconds, both allowed. */
export interface DurationFlag extends ValueFlagText {
  readonly kind: 'duration';
  readonly minMs: number;
  readonly maxMs: number;
}

/** One of a few words. `normalise` may bring other spellings into the listed one. */
export interface ChoiceFlag<Choice extends string = string> extends ValueFlagText {
  readonly kind: 'choice';
  readonly choices: readonly Choice[];
  readonly normalise?: (text: string) => string;
}

/** Any text but the empty one. */
export interface TextFlag extends ValueFlagText {
  readonly kind: 'text';
}

export type Flag = SwitchFlag | NumberFlag | DurationFlag | ChoiceFlag | TextFlag;
export type FlagTable = Readonly<Record<string, Flag>>;

/** What parsing makes of one flag: a switch is always there, everything else only when given. */
type FlagValue<F> = F extends SwitchFlag
  ? boolean
  : F extends NumberFlag | DurationFlag
    ? number | undefined
    : F extends ChoiceFlag<infer Choice>
      ? Choice | undefined
      : string | undefined;

export type FlagValues<Table extends FlagTable> = { readonly [Name in keyof Table]: FlagValue<Table[Name]> };

export interface ParsedArguments<Table extends FlagTable> {
  readonly flags: FlagValues<Table>;
  readonly positionals: readonly string[];
}

/**
 * Parses arguments by a table of flags: `--name value`, `--name=value`, `-x`, and `--` before
 * what only looks like flags.
 * @throws CliError for the first unknown flag or unusable value.
 */
export function parseFlags<const Table extends FlagTable>(
  args: readonly string[],
  table: Table,
): ParsedArguments<Table> {
  const names = Object.keys(table);
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(table).map(([name, { kind, short }]) => [
        name,
        {
          type: kind === 'switch' ? 'boolean' : 'string',
          ...(short === undefined ? {} : { short }),
        } as const,
      ]),
    ),
  });
  const flags: Record<string, boolean | number | string | undefined> = {};
  for (const name of names) flags[name] = table[name]?.kind === 'switch' ? false : undefined;
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = Object.hasOwn(table, token.name) ? table[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(token.rawName, names);
    flags[token.name] = flagValue(`--${token.name}`, flag, token.value);
  }
  return { flags: flags as FlagValues<Table>, positionals };
}

function unknownFlag(rawName: string, names: readonly string[]): CliError {
  const meant = rawName.startsWith('--') ? nearest(rawName.slice(2), names) : undefined;
  const hint =
    meant === undefined
      ? `the flags are ${names.map((name) => `--${name}`).join(', ')}`
      : `did you mean --${meant}?`;
  return new CliError(`unknown flag ${rawName}; ${hint}`);
}

function flagValue(name: string, flag: Flag, text: string | undefined): boolean | number | string {
  if (flag.kind === 'switch') {
    if (text !== undefined) throw new CliError(`${name} takes no value, but was given "${text}"`);
    return true;
  }
  if (text === undefined || text === '') throw new CliError(`${name} needs a value: ${allowedValues(flag)}`);
  switch (flag.kind) {
    case 'text':
      return text;
    case 'choice':
      return chosen(name, flag, text);
    case 'duration': {
      const ms = parseDuration(text);
      if (ms !== undefined && ms >= flag.minMs && ms <= flag.maxMs) return ms;
      throw new CliError(`${name} takes ${allowedValues(flag)}, not "${text}"`);
    }
    case 'integer':
    case 'decimal': {
      const form = flag.kind === 'integer' ? /^\d{1,9}$/ : /^\d{1,9}(\.\d{1,9})?$/;
      const number = form.test(text) ? Number(text) : NaN;
      if (number >= flag.min && number <= flag.max) return number;
      throw new CliError(`${name} takes ${allowedValues(flag)}, not "${text}"`);
    }
  }
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 } as const;

/** `500ms`, `10s` or `1m` in whole milliseconds; undefined when it is none of these. */
function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m)$/.exec(text);
  return match === null ? undefined : Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}

/** A duration in the largest unit that it has a whole number of, as a flag takes it. */
export function formatDuration(ms: number): string {
  if (ms % UNIT_MS.m === 0) return `${ms / UNIT_MS.m}m`;
  return ms % UNIT_MS.s === 0 ? `${ms / UNIT_MS.s}s` : `${ms}ms`;
}

function chosen(name: string, flag: ChoiceFlag, text: string): string {
  const choice = flag.normalise?.(text) ?? text;
  if (flag.choices.includes(choice)) return choice;
  const meant = nearest(choice, flag.choices);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw new CliError(`${name} takes ${allowedValues(flag)}, not "${text}"${hint}`);
}

/** The values a flag takes, in words. */
export function allowedValues(flag: Exclude<Flag, SwitchFlag>): string {
  switch (flag.kind) {
    case 'integer':
      return `a whole number from ${flag.min} to ${flag.max}`;
    case 'decimal':
      return `a number from ${flag.min} to ${flag.max}`;
    case 'duration':
      return `a time from ${formatDuration(flag.minMs)} to ${formatDuration(flag.maxMs)}`;
    case 'choice':
      return flag.choices.length === 2 ? flag.choices.join(' or ') : `one of ${flag.choices.join(', ')}`;
    case 'text':
      return flag.value;
  }
}
