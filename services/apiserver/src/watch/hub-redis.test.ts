import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '@orrery/kit/logger.ts';
import { type RedisServer, startRedis } from '../../../../test/support/redis-server.ts';
import { valueOf } from '../store/conformance.ts';
import { createRedisStore } from '../store/redis.ts';
import { type Store, type StoreEvent, StoreUnavailableError } from '../store/store.ts';
import { createHub, type Hub } from './hub.ts';

const logger = silentLogger();

describe('the hub on a Redis that is killed and stopped', () => {
  let dir: string;
  let redis: RedisServer;
  let store: Store;
  let hub: Hub;
  let seen: StoreEvent[];
  let lost: number;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'orrery-hub-'));
    redis = await startRedis({ dir });
    store = await createRedisStore({ url: redis.url, highWaterFile: join(dir, 'high-water.json'), logger });
    hub = createHub({ store, logger });
    seen = [];
    lost = 0;
    await hub.subscribe('pods', 0, { events: (events) => seen.push(...events), lost: () => (lost += 1) });
  });
  afterEach(async () => {
    await Promise.all([hub.close(), store.close()]);
    await redis.stop();
    await rm(dir, { recursive: true, force: true });
  });

  /** Creates pods, one after the other, until told to stop; outcomes may be unknown. */
  const writer = async (name: string, signal: AbortSignal): Promise<number> => {
    let unknown = 0;
    for (let i = 0; !signal.aborted && i < 100_000; i += 1) {
      try {
        const result = await store.create('pods', `${name}/${i}`, valueOf(name));
        if (result.outcome === 'written') hub.written(result.event);
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        unknown += 1;
      }
    }
    return unknown;
  };

  const log = async (): Promise<StoreEvent[]> => {
    const events: StoreEvent[] = [];
    for (let after = 0, more = true; more;) {
      const page = await store.eventsAfter('pods', after, 1_000);
      events.push(...page.events);
      ({ revision: after, more } = page);
    }
    return events;
  };

  it('shows every event once and in order, those with an unknown outcome too', async () => {
    const stopping = new AbortController();
    const writers = Promise.all(['a', 'b', 'c', 'd'].map((name) => writer(name, stopping.signal)));
    for (let kills = 0; kills < 3; kills += 1) {
      const enough = seen.length + 100;
      await vi.waitFor(() => expect(seen.length).toBeGreaterThan(enough), 10_000);
      await redis.kill('SIGKILL');
      redis = await startRedis({ dir, port: redis.port });
    }
    await vi.waitFor(() => expect(store.available).toBe(true), 5_000);
    stopping.abort();
    await writers;
    const all = await log();
    await vi.waitFor(() => expect(seen).toHaveLength(all.length), 5_000);
    expect(seen).toEqual(all);
    expect(lost).toBe(0);
  });

  it('shows a write that a stopped Redis carried out after its author had given up', async () => {
    await redis.kill('SIGSTOP');
    const write = store.create('pods', 'a/x', valueOf('one'));
    await expect(write).rejects.toBeInstanceOf(StoreUnavailableError);
    await redis.kill('SIGCONT');
    await vi.waitFor(() => expect(seen.map(({ key }) => key)).toEqual(['a/x']), 10_000);
  });
});
