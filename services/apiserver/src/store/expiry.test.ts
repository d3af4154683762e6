import { describe, expect, it } from 'vitest';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { eventOf, textOf, valueOf } from './conformance.ts';
import { createExpirySweeper } from './expiry.ts';
import { createMemoryStore, type MemoryStore } from './memory.ts';
import type { StoreEvent } from './store.ts';

const HOUR_MS = 3_600_000;

function setUp(store: MemoryStore = createMemoryStore()): {
  clock: ManualClock;
  store: MemoryStore;
  written: StoreEvent[];
  stop: () => Promise<void>;
} {
  const clock = new ManualClock();
  const written: StoreEvent[] = [];
  const feed = { written: (event: StoreEvent) => void written.push(event) };
  const sweeper = createExpirySweeper({ store, clock, feed, logger: silentLogger() });
  return { clock, store, written, stop: () => sweeper.stop() };
}

describe('the expiry sweeper', () => {
  it('deletes what has expired within 30 seconds, and nothing else', async () => {
    const { clock, store, written, stop } = setUp();
    await store.create('events', 'a/short', valueOf('short'), { expiresAtMs: clock.now() + HOUR_MS });
    await store.create('events', 'a/long', valueOf('long'), { expiresAtMs: clock.now() + 2 * HOUR_MS });
    await store.create('pods', 'a/x', valueOf('pod'));
    await clock.advance(HOUR_MS - 1_000);
    expect(written).toEqual([]);
    await clock.advance(31_000);
    expect(written.map(({ type, key }) => [type, key])).toEqual([['DELETED', 'a/short']]);
    expect((await store.list({ resource: 'events' })).items.map(({ key }) => key)).toEqual(['a/long']);
    await stop();
  });

  it('leaves the last state with the revision of the deletion in its place', async () => {
    const { clock, store, written, stop } = setUp();
    const tricky = 'resourceVersion":"1" and {"metadata":{"resourceVersion":"1"}}';
    await store.create('events', 'a/x', valueOf(tricky), { expiresAtMs: clock.now() });
    await clock.advance(30_000);
    expect(written[0]?.value).toBe(textOf(tricky, 2));
    await stop();
  });

  it('deletes hundreds in one sweep', async () => {
    const { clock, store, written, stop } = setUp();
    for (let i = 0; i < 450; i += 1) {
      await store.create('events', `a/${i}`, valueOf('x'), { expiresAtMs: clock.now() });
    }
    await clock.advance(30_000);
    expect(written).toHaveLength(450);
    await stop();
  });

  it('leaves an object that was written again after it had expired', async () => {
    const { clock, store, written, stop } = setUp();
    const created = eventOf(
      await store.create('events', 'a/x', valueOf('one'), { expiresAtMs: clock.now() }),
    );
    const expired = store.expired.bind(store);
    store.expired = async (nowMs, limit) => {
      const found = await expired(nowMs, limit);
      await store.update('events', 'a/x', created.revision, valueOf('two'), { expiresAtMs: nowMs + HOUR_MS });
      return found;
    };
    await clock.advance(60_000);
    expect(written).toEqual([]);
    expect((await store.get('events', 'a/x'))?.revision).toBe(2);
    await stop();
  });

  it('goes on when the store was away', async () => {
    const { clock, store, written, stop } = setUp();
    await store.create('events', 'a/x', valueOf('one'), { expiresAtMs: clock.now() });
    store.available = false;
    await clock.advance(60_000);
    store.available = true;
    await clock.advance(30_000);
    expect(written).toHaveLength(1);
    await stop();
  });

  it('does nothing after it was stopped', async () => {
    const { clock, store, written, stop } = setUp();
    await store.create('events', 'a/x', valueOf('one'), { expiresAtMs: clock.now() });
    await stop();
    await clock.advance(60_000);
    expect(written).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});
