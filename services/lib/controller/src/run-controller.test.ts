import type { Client } from '@orrery/client/client.ts';
import { fencedHere } from '@orrery/client/client.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { createMetrics } from '@orrery/kit/metrics.ts';
import { describe, expect, it } from 'vitest';
import type {
  Controller,
  ControllerContext,
  KeyQueue,
  ReconcileContext,
  ReconcileResult,
} from './controller.ts';
import { runController } from './run-controller.ts';

type Reconcile = (key: string, context: ReconcileContext) => Promise<ReconcileResult | void>;

function set(reconcile: Reconcile, workers = 2) {
  const clock = new ManualClock();
  const traces: string[] = [];
  const client = {
    traced: (traceId: string) => {
      traces.push(traceId);
      return client;
    },
  } as unknown as Client;
  const context = {
    client,
    clock,
    logger: silentLogger(),
    metrics: createMetrics(),
  } as unknown as ControllerContext;
  let queue: KeyQueue | undefined;
  const controller: Controller = { name: 'test', workers, setup: (given) => void (queue = given), reconcile };
  const run = runController(controller, context);
  const stop = new AbortController();
  return { clock, context, run, queue: queue!, stop, traces };
}

describe('a controller that runs', () => {
  it('reconciles what was added before and during the run', async () => {
    const keys: string[] = [];
    const { run, queue, stop } = set((key) => Promise.resolve(void keys.push(key)));
    queue.add('a');
    const running = run.run(stop.signal);
    await settle();
    queue.add('b');
    await settle();
    stop.abort();
    await running;
    expect(keys).toEqual(['a', 'b']);
  });

  it('gives each reconciliation an id of its own, on its client too', async () => {
    const ids: string[] = [];
    const { run, queue, stop, traces } = set((_key, { reconcileId }) =>
      Promise.resolve(void ids.push(reconcileId)),
    );
    queue.add('a');
    queue.add('b');
    const running = run.run(stop.signal);
    await settle();
    stop.abort();
    await running;
    expect(new Set(ids).size).toBe(2);
    expect(traces).toEqual(ids);
  });

  it('has no more reconciliations in flight than workers', async () => {
    let inFlight = 0;
    let most = 0;
    let release = (): void => undefined;
    const hold = new Promise<void>((resolve) => (release = resolve));
    const { run, queue, stop } = set(async () => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await hold;
      inFlight -= 1;
    }, 3);
    for (let index = 0; index < 10; index += 1) queue.add(`k${index}`);
    const running = run.run(stop.signal);
    await settle();
    release();
    await settle();
    stop.abort();
    await running;
    expect(most).toBe(3);
  });

  it('tries again with growing delay after a failure, and forgets it after a success', async () => {
    const times: number[] = [];
    let fails = 3;
    const { clock, run, queue, stop, context } = set(() => {
      times.push(clock.now());
      fails -= 1;
      return fails >= 0 ? Promise.reject(new Error('not yet')) : Promise.resolve();
    });
    queue.add('a');
    const running = run.run(stop.signal);
    await clock.advance(1_000);
    expect(times.map((time) => time - times[0]!)).toEqual([0, 5, 15, 35]);
    const text = await context.metrics.registry.metrics();
    expect(text).toContain('controller_reconcile_total{controller="test",result="error"} 3');
    expect(text).toContain('controller_reconcile_total{controller="test",result="success"} 1');
    stop.abort();
    await running;
  });

  it('looks again when asked to', async () => {
    let count = 0;
    const { clock, run, queue, stop } = set(() => {
      count += 1;
      return Promise.resolve({ requeueAfterMs: 15_000 });
    });
    queue.add('a');
    const running = run.run(stop.signal);
    await clock.advance(45_000);
    expect(count).toBe(4);
    stop.abort();
    await running;
    run.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves to the next run what a lost lead refused', async () => {
    let leads = false;
    const done: string[] = [];
    const { clock, run, queue, stop } = set((key) => {
      if (!leads) return Promise.reject(fencedHere());
      done.push(key);
      return Promise.resolve();
    });
    queue.add('a');
    const first = run.run(stop.signal);
    await settle();
    stop.abort();
    await first;
    leads = true;
    const again = new AbortController();
    const second = run.run(again.signal);
    await clock.advance(1_000);
    again.abort();
    await second;
    expect(done).toEqual(['a']);
  });

  it('waits at its end for what is in flight', async () => {
    let release = (): void => undefined;
    const hold = new Promise<void>((resolve) => (release = resolve));
    let ended = false;
    const { run, queue, stop } = set(() => hold);
    queue.add('a');
    const running = run.run(stop.signal).then(() => (ended = true));
    await settle();
    stop.abort();
    await settle();
    expect(ended).toBe(false);
    release();
    await running;
    expect(ended).toBe(true);
  });
});
