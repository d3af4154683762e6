/** Durations as `sleep`, `timeout` and `watch` read them. */

import { CommandFailure } from './command.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  '': 1_000,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A number with an optional unit, or `infinity`. @throws CommandFailure */
export function parseDuration(text: string): number {
  if (/^inf(?:inity)?$/i.test(text)) return Infinity;
  const match = /^(\d+(?:\.\d*)?|\.\d+)([smhd]?)$/.exec(text);
  if (match === null) throw new CommandFailure(`invalid number '${text}'`);
  return Number(match[1]) * UNIT_MS[match[2]!]!;
}
