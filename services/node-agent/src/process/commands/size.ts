/** Sizes as commands read and show them. */

import { CommandFailure } from './command.ts';

const SUFFIX: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  c: 1,
  w: 2,
  b: 512,
  k: 1_024,
  K: 1_024,
  KB: 1_000,
  KiB: 1_024,
  m: 1_048_576,
  M: 1_048_576,
  MB: 1_000_000,
  MiB: 1_048_576,
  g: 1_073_741_824,
  G: 1_073_741_824,
  GB: 1_000_000_000,
  GiB: 1_073_741_824,
  T: 1_099_511_627_776,
};

/** In bytes. @throws CommandFailure */
export function parseSize(text: string): number {
  const match = /^\+?(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(text);
  const factor = Object.hasOwn(SUFFIX, match?.[2] ?? '') ? SUFFIX[match?.[2] ?? ''] : undefined;
  if (match === null || factor === undefined) throw new CommandFailure(`invalid number '${text}'`);
  return Math.floor(Number(match[1]) * factor);
}

/** `1.5K`, as `-h` shows it. */
export function humanSize(bytes: number): string {
  if (bytes < 1_024) return String(bytes);
  let value = bytes;
  let unit = -1;
  while (value >= 1_024 && unit < 4) {
    value /= 1_024;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${'KMGTP'[unit]!}`;
}
