/** Load with a fixed number of connections, and what it came to. */

import { type Answer, Connection, type Target } from '../support/connection.ts';

/** Latencies in milliseconds. */
export interface Latency {
  p50Ms: number;
  p99Ms: number;
}

export interface LoadResult extends Latency {
  perSecond: number;
}

export function latencyOf(samplesMs: readonly number[]): Latency {
  const sorted = Float64Array.from(samplesMs).sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/**
 * Makes `count` requests over `connections` connections and measures them. Every answer
 * must have one of `codes`; the first other one ends the load with an error.
 */
export async function load(
  target: Target,
  connections: number,
  count: number,
  codes: readonly number[],
  request: (connection: Connection, index: number) => Promise<Answer>,
): Promise<LoadResult> {
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(target)));
  const samplesMs: number[] = [];
  let next = 0;
  const beganMs = performance.now();
  const worker = async (connection: Connection): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      const sentMs = performance.now();
      const { code, body } = await request(connection, index);
      if (!codes.includes(code))
        throw new Error(`unexpected answer ${code}: ${body.toString().slice(0, 500)}`);
      samplesMs.push(performance.now() - sentMs);
    }
  };
  try {
    await Promise.all(open.map(worker));
  } finally {
    for (const each of open) each.close();
  }
  const seconds = (performance.now() - beganMs) / 1000;
  return { perSecond: count / seconds, ...latencyOf(samplesMs) };
}
