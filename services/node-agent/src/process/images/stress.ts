/** `vish/stress`: takes processor and memory as its flags say, and keeps them. */

import { isQuantity, wholeValue } from '@orrery/api/quantity.ts';
import type { Program } from '../process.ts';
import { firstOf } from './server.ts';

const MEBIBYTE = 1024 * 1024;
/** So many steps at most lead to the whole memory. */
const MAX_STEPS = 10_000;

function bytes(text: string | undefined, usual: number): number {
  return text !== undefined && isQuantity(text) ? Math.max(0, wholeValue(text)) : usual;
}

function milliseconds(text: string | undefined): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text ?? '');
  return match === null ? 1 : Number(match[1]) * ({ ms: 1, s: 1_000, m: 60_000 }[match[2]!] ?? 1);
}

export const vishStress: Program = async (process) => {
  const { argv, usage, clock, killed, stderr } = process;
  const flag = (name: string): string | undefined => {
    const at = argv.findIndex((arg) => arg.replace(/^--?/, '').split('=')[0] === name);
    const arg = at < 0 ? undefined : argv[at]!;
    return arg?.includes('=') === true ? arg.slice(arg.indexOf('=') + 1) : at < 0 ? undefined : argv[at + 1];
  };
  const cpus = Math.min(Math.max(0, Number(flag('cpus') ?? 0) || 0), 1_000);
  const total = bytes(flag('mem-total'), 0);
  const step = Math.max(bytes(flag('mem-alloc-size'), 4_096), Math.ceil(total / MAX_STEPS));
  const pauseMs = milliseconds(flag('mem-alloc-sleep'));
  await stderr.write(
    `Allocating "${flag('mem-total') ?? '0'}" memory, in "${flag('mem-alloc-size') ?? '4Ki'}" chunks, with a ${flag('mem-alloc-sleep') ?? '1ms'} sleep between allocations\n`,
  );
  usage.set({ cpuMilli: cpus * 1_000 + 1 });
  for (let held = 0; held < total && !killed.aborted;) {
    held = Math.min(total, held + step);
    usage.set({ memoryBytes: MEBIBYTE + held });
    await clock.sleep(pauseMs, killed);
  }
  await stderr.write(`Allocated "${flag('mem-total') ?? '0'}" memory\n`);
  await firstOf(process, ['SIGTERM', 'SIGINT']);
  return 143;
};
