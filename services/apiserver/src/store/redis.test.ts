import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '@orrery/kit/logger.ts';
import { type RedisServer, startRedis } from '../../../../test/support/redis-server.ts';
import { describeStore, eventOf, fill, type StoreUnderTest, textOf, valueOf } from './conformance.ts';
import { createMemoryStore } from './memory.ts';
import { createRedisStore } from './redis.ts';
import { CompactedError, type Store, StoreUnavailableError } from './store.ts';

const logger = silentLogger();
let server: RedisServer;
let admin: Redis;
let directory: string;
let files = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-store-'));
  server = await startRedis();
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

async function emptyStore(options: { logLimit?: number; logBytes?: number } = {}): Promise<StoreUnderTest> {
  await admin.flushall();
  const highWaterFile = join(directory, `high-water-${(files += 1)}.json`);
  const store = await createRedisStore({ url: server.url, highWaterFile, logger, ...options });
  return { store, dispose: () => store.close() };
}

describeStore('redis', emptyStore);

it('keeps less of the log when objects are large', async () => {
  const { store, dispose } = await emptyStore({ logBytes: 64_000 });
  const events = await fill(store, 'pods', 200, 2_000);
  const last = events.at(-1)!.revision;
  expect(await admin.xlen('log')).toBeGreaterThan(30);
  expect(await admin.xlen('log')).toBeLessThan(70);
  const oldest = await store.eventsAfter('pods', 1, 10).then(
    () => undefined,
    (error: unknown) => (error as CompactedError).oldestRevision,
  );
  expect((await store.eventsAfter('pods', oldest!, 1_000)).events).toEqual(events.slice(oldest));
  await fill(store, 'small', 200, 10);
  expect((await store.eventsAfter('small', last, 1_000)).events).toHaveLength(200);
  await dispose();
});

describe('redis and memory', () => {
  const keys = ['a/x', 'a/y', 'a-b/x', 'b/x'];
  const resources = ['pods', 'nodes'];
  const write = fc.record({
    kind: fc.constantFrom('create', 'update', 'delete'),
    resource: fc.constantFrom(...resources),
    key: fc.constantFrom(...keys),
    content: fc.string({ unit: 'binary', maxLength: 20 }),
    // How far the expected revision is from the right one: mostly it is right.
    off: fc.constantFrom(0, 0, 0, 0, 1, -1),
    fence: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined, freq: 4 }),
    setFence: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined, freq: 4 }),
    expiresAtMs: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined, freq: 3 }),
  });
  const read = fc.oneof(
    fc.record({
      kind: fc.constant('get' as const),
      resource: fc.constantFrom(...resources),
      key: fc.constantFrom(...keys),
    }),
    fc.record({
      kind: fc.constant('list' as const),
      resource: fc.constantFrom(...resources),
      namespace: fc.constantFrom(undefined, 'a', 'a-b', 'c'),
      after: fc.constantFrom(undefined, ...keys),
      limit: fc.constantFrom(undefined, 1, 2, 3),
      back: fc.constantFrom(undefined, 0, 1, 2, 5, 20),
    }),
    fc.record({
      kind: fc.constant('events' as const),
      resource: fc.constantFrom(...resources),
      back: fc.nat(30),
      limit: fc.integer({ min: 1, max: 10 }),
    }),
    fc.record({
      kind: fc.constant('expired' as const),
      nowMs: fc.nat(120),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ kind: fc.constant('heads' as const) }),
  );
  type Operation =
    | (typeof write extends fc.Arbitrary<infer W> ? W : never)
    | (typeof read extends fc.Arbitrary<infer R> ? R : never);

  async function run(store: Store, operation: Operation): Promise<unknown> {
    const lease = 'kube-system/leader';
    switch (operation.kind) {
      case 'get':
        return store.get(operation.resource, operation.key);
      case 'list': {
        const { resource, namespace, after, limit, back } = operation;
        return store.list({
          resource,
          ...(namespace === undefined ? {} : { namespace }),
          ...(after === undefined ? {} : { after }),
          ...(limit === undefined ? {} : { limit }),
          ...(back === undefined ? {} : { atRevision: Math.max(0, (await store.currentRevision()) - back) }),
        });
      }
      case 'events': {
        const revision = Math.max(0, (await store.currentRevision()) - operation.back);
        return store.eventsAfter(operation.resource, revision, operation.limit);
      }
      case 'expired':
        return store.expired(operation.nowMs, operation.limit);
      case 'heads':
        return store.heads();
      default: {
        const { kind, resource, key, content, off, fence, setFence, expiresAtMs } = operation;
        const options = {
          ...(fence === undefined ? {} : { fence: { lease, uid: 'u', epoch: fence } }),
          ...(setFence === undefined ? {} : { setFence: { lease, uid: 'u', epoch: setFence } }),
          ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
        };
        if (kind === 'create') return store.create(resource, key, valueOf(content), options);
        const expected = ((await store.get(resource, key))?.revision ?? 0) + off;
        return kind === 'update'
          ? store.update(resource, key, expected, valueOf(content), options)
          : store.delete(resource, key, expected, valueOf(content), options);
      }
    }
  }

  it('answer the same to any sequence of operations', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ arbitrary: write, weight: 3 }, read), { maxLength: 60 }),
        async (operations) => {
          const memory = createMemoryStore();
          const { store: redis, dispose } = await emptyStore();
          try {
            for (const operation of operations)
              expect(await run(redis, operation)).toEqual(await run(memory, operation));
          } finally {
            await dispose();
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('redis: when it fails', () => {
  let own: RedisServer;
  let dir: string;
  let highWaterFile: string;
  let store: Store;
  let rollbacks: number;

  const open = async (): Promise<void> => {
    store = await createRedisStore({ url: own.url, highWaterFile, logger });
    store.onRollback(() => (rollbacks += 1));
  };
  const restart = async (): Promise<void> => {
    own = await startRedis({ dir, port: own.port });
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(directory, 'redis-'));
    highWaterFile = join(dir, 'state', 'high-water.json');
    own = await startRedis({ dir });
    rollbacks = 0;
    await open();
  });
  afterEach(async () => {
    await store.close();
    await own.stop();
  });

  it('loses nothing acknowledged when it is killed and started again', async () => {
    const acknowledged = new Map<string, number>();
    let unknown = 0;
    const stopping = new AbortController();
    const writer = async (name: string): Promise<void> => {
      for (let i = 0; !stopping.signal.aborted && i < 100_000; i += 1) {
        const key = `${name}/${i}`;
        try {
          acknowledged.set(key, eventOf(await store.create('pods', key, valueOf(key))).revision);
        } catch (error) {
          expect(error).toBeInstanceOf(StoreUnavailableError);
          unknown += 1;
        }
      }
    };
    const writers = Promise.all(Array.from({ length: 8 }, (_, i) => writer(`w${i}`)));
    for (let kills = 1; kills <= 3; kills += 1) {
      const target = acknowledged.size + 200;
      await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(target), 10_000);
      await own.kill('SIGKILL');
      await restart();
    }
    await vi.waitFor(() => store.create('pods', 'last/one', valueOf('last')), 10_000);
    stopping.abort();
    await writers;

    expect(unknown).toBeGreaterThan(0);
    const stored = new Map(
      (await store.list({ resource: 'pods' })).items.map(({ key, revision }) => [key, revision]),
    );
    for (const [key, revision] of acknowledged) expect(stored.get(key)).toBe(revision);
    expect(rollbacks).toBe(0);
  });

  it('rejects while it is away, and works again by itself', async () => {
    await store.create('pods', 'a/x', valueOf('one'));
    expect(store.available).toBe(true);
    await own.kill('SIGKILL');
    await expect(store.get('pods', 'a/x')).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.create('pods', 'a/y', valueOf('two'))).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(store.available).toBe(false);
    await restart();
    await vi.waitFor(async () => expect((await store.get('pods', 'a/x'))?.revision).toBe(1), 5_000);
  });

  it('holds calls back until it is there, so that a short restart fails none', async () => {
    await store.create('pods', 'a/x', valueOf('one'));
    await own.kill('SIGKILL');
    await vi.waitFor(() => expect(store.available).toBe(false));
    const waiting = [store.get('pods', 'a/x'), store.create('pods', 'a/y', valueOf('two'))] as const;
    await restart();
    expect((await waiting[0])?.revision).toBe(1);
    expect((await waiting[1]).outcome).toBe('written');
  });

  it('can be opened before Redis is there', async () => {
    await store.close();
    await own.kill('SIGKILL');
    await open();
    const waiting = store.currentRevision();
    await restart();
    expect(await waiting).toBe(0);
  });

  it('rejects instead of hanging when it is stopped, and never writes again what may have been written', async () => {
    const created = eventOf(await store.create('pods', 'a/x', valueOf('one')));
    await own.kill('SIGSTOP');
    const write = store.update('pods', 'a/x', created.revision, valueOf('two'));
    await expect(write).rejects.toBeInstanceOf(StoreUnavailableError);
    await own.kill('SIGCONT');
    // The stopped Redis finds the command in its socket: it is carried out once, or not at all.
    await vi.waitFor(() => store.create('pods', 'a/after', valueOf('after')), 10_000);
    const { events } = await store.eventsAfter('pods', created.revision, 10);
    expect(events.filter(({ type }) => type === 'MODIFIED').length).toBeLessThanOrEqual(1);
  }, 20_000);

  it('does not notice that its scripts are flushed', async () => {
    await store.create('pods', 'a/x', valueOf('one'));
    const direct = new Redis(own.url);
    await direct.script('FLUSH');
    const results = await Promise.all([
      store.update('pods', 'a/x', 1, valueOf('two')),
      store.list({ resource: 'pods' }),
    ]);
    expect(results[0].outcome).toBe('written');
    direct.disconnect();
  });

  it('rejects writes when Redis is out of memory, and none of them leaves a trace', async () => {
    await store.create('pods', 'a/x', valueOf('one'));
    const direct = new Redis(own.url);
    await direct.config('SET', 'maxmemory', '1');
    await expect(store.create('pods', 'a/y', valueOf('two'))).rejects.toBeInstanceOf(StoreUnavailableError);
    expect((await store.get('pods', 'a/x'))?.revision).toBe(1);
    await direct.config('SET', 'maxmemory', '0');
    expect(eventOf(await store.create('pods', 'a/y', valueOf('two')))).toMatchObject({
      revision: 2,
      previous: 1,
    });
    direct.disconnect();
  });

  it('rejects writes when Redis cannot save, and goes on to read', async () => {
    await store.create('pods', 'a/x', valueOf('one'));
    const direct = new Redis(own.url);
    await rm(dir, { recursive: true });
    await direct.config('SET', 'save', '3600 1000000');
    await direct.bgsave();
    await vi.waitFor(async () =>
      expect(await direct.info('persistence')).toContain('rdb_last_bgsave_status:err'),
    );
    await expect(store.create('pods', 'a/y', valueOf('two'))).rejects.toThrow(/^the store refuses: MISCONF/);
    expect((await store.get('pods', 'a/x'))?.revision).toBe(1);
    await direct.config('SET', 'stop-writes-on-bgsave-error', 'no');
    expect(eventOf(await store.create('pods', 'a/y', valueOf('two'))).revision).toBe(2);
    direct.disconnect();
  });

  describe('and comes back older than it was', () => {
    const revisionsAreNew = async (highest: number): Promise<void> => {
      expect(await store.currentRevision()).toBeGreaterThan(highest);
      const event = eventOf(await store.create('pods', 'a/after', valueOf('after')));
      expect(event.revision).toBeGreaterThan(highest + 1);
      for (const resource of ['pods', 'never-written']) {
        await expect(store.eventsAfter(resource, highest, 10)).rejects.toBeInstanceOf(CompactedError);
      }
      expect((await store.eventsAfter('pods', event.revision - 1, 10)).events).toEqual([event]);
    };

    it('moves past every revision ever given out when a copy is restored', async () => {
      await fill(store, 'pods', 10);
      await own.kill('SIGTERM');
      await cp(join(dir, 'appendonlydir'), join(dir, 'copy'), { recursive: true });
      await restart();
      await vi.waitFor(() => store.create('pods', 'b/lost', valueOf('lost')), 5_000);
      const highest = await store.currentRevision();
      await own.kill('SIGKILL');
      await rm(join(dir, 'appendonlydir'), { recursive: true });
      await cp(join(dir, 'copy'), join(dir, 'appendonlydir'), { recursive: true });
      await restart();

      await vi.waitFor(() => expect(rollbacks).toBe(1), 5_000);
      expect((await store.list({ resource: 'pods' })).items).toHaveLength(10);
      await revisionsAreNew(highest);
    });

    it('notices an emptied Redis at the next connection', async () => {
      await fill(store, 'pods', 10);
      await own.kill('SIGKILL');
      await rm(join(dir, 'appendonlydir'), { recursive: true });
      await restart();
      await vi.waitFor(() => expect(rollbacks).toBe(1), 5_000);
      await revisionsAreNew(10);
    });

    it('notices FLUSHALL at the next call, before anything is written', async () => {
      await fill(store, 'pods', 10);
      const direct = new Redis(own.url);
      await direct.flushall();
      direct.disconnect();
      const event = eventOf(await store.create('pods', 'a/x', valueOf('one')));
      expect(event.revision).toBeGreaterThan(10);
      expect(rollbacks).toBe(1);
      await revisionsAreNew(10);
    });

    it('is noticed by a new process, which knows the highest revision from its file', async () => {
      await fill(store, 'pods', 10);
      await store.close();
      expect(JSON.parse(await readFile(highWaterFile, 'utf8'))).toMatchObject({ revision: 10 });
      await own.kill('SIGKILL');
      await rm(join(dir, 'appendonlydir'), { recursive: true });
      await restart();
      await open();
      await revisionsAreNew(10);
      expect(rollbacks).toBe(1);
    });

    it('makes each of several replicas start its watches again, once', async () => {
      const other = await createRedisStore({ url: own.url, highWaterFile: `${highWaterFile}.other`, logger });
      let otherRollbacks = 0;
      other.onRollback(() => (otherRollbacks += 1));
      await fill(store, 'pods', 10);
      expect(await other.currentRevision()).toBe(10);
      await own.kill('SIGKILL');
      await rm(join(dir, 'appendonlydir'), { recursive: true });
      await restart();
      const writes = async (): Promise<void> => {
        await store.create('pods', `a/${await store.currentRevision()}`, valueOf('one'));
        await other.create('pods', `b/${await other.currentRevision()}`, valueOf('two'));
      };
      await vi.waitFor(writes, 5_000);
      for (let restarts = 0; restarts < 3; restarts += 1) {
        await own.kill('SIGKILL');
        await restart();
        await vi.waitFor(writes, 5_000);
      }
      expect([rollbacks, otherRollbacks]).toEqual([1, 1]);
      await other.close();
    });

    it('is noticed by its epoch when its revision is higher, as in another history that went on', async () => {
      await fill(store, 'pods', 10);
      await store.close();
      await open();
      expect(await store.currentRevision()).toBe(10);
      const direct = new Redis(own.url);
      await direct.mset({ epoch: 'another', rev: '5000', floor: '5' });
      direct.disconnect();
      await vi.waitFor(() => store.currentRevision(), 5_000);
      expect(rollbacks).toBe(1);
      await revisionsAreNew(5_000);
    });

    it('is written down at once which history it is', async () => {
      await vi.waitFor(() => store.currentRevision(), 5_000);
      const epoch = async (): Promise<unknown> =>
        (JSON.parse(await readFile(highWaterFile, 'utf8')) as { epoch: string }).epoch;
      const direct = new Redis(own.url);
      expect(await epoch()).toBe(await direct.get('epoch'));
      await direct.flushall();
      await store.currentRevision();
      expect(await epoch()).toBe(await direct.get('epoch'));
      direct.disconnect();
    });

    it('is not suspected when all is well, by the same process or the next', async () => {
      await fill(store, 'pods', 10);
      await store.close();
      await open();
      await own.kill('SIGKILL');
      await restart();
      await vi.waitFor(async () => expect(await store.currentRevision()).toBe(10), 5_000);
      expect(rollbacks).toBe(0);
    });

    it('is not suspected by a process whose file was lost or damaged', async () => {
      await fill(store, 'pods', 10);
      await store.close();
      await writeFile(highWaterFile, '{"epoch":');
      await open();
      expect((await store.get('pods', 'default/000000'))?.value).toBe(textOf('', 1));
      expect(await store.currentRevision()).toBe(10);
      expect(rollbacks).toBe(0);
    });
  });
});
