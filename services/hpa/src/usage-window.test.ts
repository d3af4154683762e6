import type { ContainerUsage, UsageBatch } from '@orrery/proto/orrery/events.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageWindow } from './usage-window.ts';

function used(podUid: string, container: string, cpuMilli: number, memoryBytes = 0): ContainerUsage {
  return { namespace: 'default', pod: podUid, podUid, container, cpuMilli, memoryBytes };
}

function batch(timeMs: number, ...containers: ContainerUsage[]): UsageBatch {
  return { node: 'node-0', timeMs, windowMs: 15_000, containers };
}

const T = 1_000_000;

describe('a usage window', () => {
  it('averages CPU over the last minute, by container and by pod', () => {
    const window = new UsageWindow();
    for (const [at, cpu] of [
      [0, 10_000],
      [15_000, 100],
      [30_000, 200],
      [45_000, 300],
      [60_000, 400],
    ] as const) {
      window.record(batch(T + at, used('p', 'web', cpu), used('p', 'log', 10)));
    }
    const nowMs = T + 60_000;
    expect(window.usage('p', 'cpu', nowMs, 'web')).toEqual({ milli: 250, atMs: nowMs, windowMs: 60_000 });
    expect(window.usage('p', 'cpu', nowMs)?.milli).toBe(260);
  });

  it('takes memory as it is last, in thousandths', () => {
    const window = new UsageWindow();
    window.record(batch(T, used('p', 'web', 0, 500)));
    window.record(batch(T + 15_000, used('p', 'web', 0, 700)));
    expect(window.usage('p', 'memory', T + 15_000)?.milli).toBe(700_000);
  });

  it('says how far back it knows', () => {
    const window = new UsageWindow();
    window.record(batch(T, used('p', 'web', 100)));
    expect(window.usage('p', 'cpu', T)).toEqual({ milli: 100, atMs: T, windowMs: 15_000 });
  });

  it('knows nothing of strangers, of those silent for a minute, and of pods known in part', () => {
    const window = new UsageWindow();
    window.record(batch(T, used('p', 'web', 100), used('p', 'log', 100)));
    window.record(batch(T + 40_000, used('p', 'web', 100)));
    expect(window.usage('other', 'cpu', T)).toBeUndefined();
    expect(window.usage('p', 'cpu', T, 'sidecar')).toBeUndefined();
    expect(window.usage('p', 'cpu', T + 60_000)).toBeUndefined();
    expect(window.usage('p', 'cpu', T + 60_000, 'web')).toBeDefined();
    expect(window.usage('p', 'cpu', T + 100_000, 'web')).toBeUndefined();
  });

  it('forgets pods that are gone, told or not', () => {
    const window = new UsageWindow();
    for (let index = 0; index < 100; index += 1) window.record(batch(T + index, used(`p${index}`, 'web', 1)));
    window.forget('p0');
    expect(window.size).toBe(99);
    window.record(batch(T + 200_000, used('new', 'web', 1)));
    expect(window.size).toBe(1);
  });

  it('does not care in which order or how often samples come', () => {
    const samples = fc.array(
      fc.record({ at: fc.integer({ min: 0, max: 7 }), cpu: fc.integer({ min: 0, max: 900 }) }),
      {
        minLength: 1,
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(samples, (given) => {
        const byTime = new Map(given.map(({ at, cpu }) => [at, cpu]));
        const sorted = [...byTime].sort(([a], [b]) => a - b);
        const [inOrder, asGiven] = [new UsageWindow(), new UsageWindow()];
        for (const [at, cpu] of sorted) inOrder.record(batch(T + at * 7_500, used('p', 'web', cpu)));
        for (const { at } of given) asGiven.record(batch(T + at * 7_500, used('p', 'web', byTime.get(at)!)));
        expect(asGiven.usage('p', 'cpu', T + 55_000)).toEqual(inOrder.usage('p', 'cpu', T + 55_000));
      }),
    );
  });
});
