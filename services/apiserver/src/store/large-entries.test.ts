/** The log of large objects: reading it must not keep Redis from everybody else. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@orrery/kit/logger.ts';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../../../../test/support/redis-server.ts';
import { eventOf, valueOf } from './conformance.ts';
import { createRedisStore } from './redis.ts';
import type { Store, StoreEvent } from './store.ts';

const LARGE_BYTES = 512 * 1024;
const CHANGES = 40;

let server: RedisServer;
let admin: Redis;
let directory: string;
let store: Store;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-store-'));
  server = await startRedis();
  admin = new Redis(server.url);
  const highWaterFile = join(directory, 'high-water.json');
  store = await createRedisStore({ url: server.url, highWaterFile, logger: silentLogger() });
  let { revision } = eventOf(await store.create('configmaps', 'a/large', valueOf('x'.repeat(LARGE_BYTES))));
  for (let change = 1; change < CHANGES; change += 1) {
    const value = valueOf(`${change}${'x'.repeat(LARGE_BYTES)}`);
    ({ revision } = eventOf(await store.update('configmaps', 'a/large', revision, value)));
  }
  await store.create('pods', 'a/small', valueOf('small'));
}, 60_000);
afterAll(async () => {
  await store.close();
  admin.disconnect();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(() => admin.config('RESETSTAT'));

/** How often Redis has carried out a command since the test began. */
async function callsOf(command: string): Promise<number> {
  const stats = await admin.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

describe('large entries of the log', () => {
  it('come in pages of a few, each once and in order', async () => {
    const events: StoreEvent[] = [];
    let pages = 0;
    for (let after = 0, more = true; more; pages += 1) {
      const page = await store.eventsAfter('configmaps', after, 500);
      events.push(...page.events);
      [after, more] = [page.revision, page.more];
    }
    expect(events.map(({ revision }) => revision)).toEqual(Array.from({ length: CHANGES }, (_, i) => i + 1));
    expect(pages).toBeGreaterThan(CHANGES / 8);
  }, 30_000);

  it('of other resources are passed over in steps, between which others have their turn', async () => {
    const { events } = await store.eventsAfter('pods', 0, 500);
    expect(events.map(({ key }) => key)).toEqual(['a/small']);
    // 40 MiB, of which one step looks at no more than some 16, and reads no more than some 4 at a time.
    expect(await callsOf('evalsha')).toBeGreaterThan(2);
    expect(await callsOf('xrange')).toBeGreaterThan(CHANGES / 5);
  }, 30_000);
});
