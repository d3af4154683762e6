import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { eventOf, valueOf } from '../store/conformance.ts';
import { createMemoryStore, type MemoryStore } from '../store/memory.ts';
import {
  CompactedError,
  type EventPage,
  type Heads,
  type Store,
  type StoreEvent,
  StoreUnavailableError,
} from '../store/store.ts';
import type { FeedListener, FeedSubscription } from './feed.ts';
import { createHub, type EventBus, type Hub } from './hub.ts';

/** Everything that a listener was told. */
class Recorder implements FeedListener {
  readonly received: StoreEvent[] = [];
  readonly batches: (readonly StoreEvent[])[] = [];
  lostTimes = 0;

  events(events: readonly StoreEvent[]): void {
    if (this.lostTimes > 0) throw new Error('told of events after lost');
    this.batches.push(events);
    this.received.push(...events);
  }

  lost(): void {
    this.lostTimes += 1;
  }

  get revisions(): number[] {
    return this.received.map(({ revision }) => revision);
  }
}

/** A bus whose messages the test sends by hand. */
class TestBus implements EventBus {
  readonly published: [string, number[]][] = [];
  deliver: (resource: string, events: StoreEvent[]) => void = () => undefined;

  publish(resource: string, events: readonly StoreEvent[]): void {
    this.published.push([resource, events.map(({ revision }) => revision)]);
  }

  onEvents(listener: (resource: string, events: StoreEvent[]) => void): void {
    this.deliver = listener;
  }
}

interface Setup {
  clock: ManualClock;
  store: MemoryStore;
  hub: Hub;
  bus: TestBus;
  /** Calls of eventsAfter so far. */
  logReads: () => number;
  write: (key: string, resource?: string) => Promise<StoreEvent>;
}

const hubs: Hub[] = [];
const clocks: ManualClock[] = [];
afterEach(async () => {
  const closing = hubs.splice(0).map((hub) => hub.close());
  for (const clock of clocks.splice(0)) await clock.advance(10_000);
  await Promise.all(closing);
});

interface SetupOptions {
  /** The store that the hub finds; an empty one unless given. */
  store?: MemoryStore;
  ringEvents?: number;
  ringBytes?: number;
  /** Turns of the event loop that an answer of the store takes. */
  delayTicks?: number;
}

function setUp({ store = createMemoryStore(), delayTicks = 0, ...limits }: SetupOptions = {}): Setup {
  const clock = new ManualClock();
  const bus = new TestBus();
  const { slow, logReads } = slowed(store, delayTicks);
  const hub = createHub({ store: slow, logger: silentLogger(), clock, bus, ...limits });
  hubs.push(hub);
  clocks.push(clock);
  const write = (key: string, resource = 'pods'): Promise<StoreEvent> => put(store, key, resource);
  return { clock, store, hub, bus, logReads, write };
}

async function put(store: Store, key: string, resource = 'pods'): Promise<StoreEvent> {
  const stored = await store.get(resource, key);
  const result = await (stored === undefined
    ? store.create(resource, key, valueOf(key))
    : store.update(resource, key, stored.revision, valueOf(key)));
  return eventOf(result);
}

/** The store with answers that were true when asked but come some turns of the event loop later. */
function slowed(store: MemoryStore, ticks: number): { slow: Store; logReads: () => number } {
  let reads = 0;
  const late = async <T>(answer: Promise<T>): Promise<T> => {
    const settled = await Promise.allSettled([answer]);
    for (let i = 0; i < ticks; i += 1) await settle();
    const [result] = settled;
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  };
  const slow = new Proxy(store, {
    get(target, property) {
      if (property === 'heads') return (): Promise<Heads> => late(target.heads());
      if (property === 'eventsAfter') {
        return (...args: [string, number, number]): Promise<EventPage> => {
          reads += 1;
          return late(target.eventsAfter(...args));
        };
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { slow, logReads: () => reads };
}

/** Lets all that is under way end, however many turns of the event loop it takes, and time pass. */
async function quiet(clock: ManualClock): Promise<void> {
  for (let i = 0; i < 40; i += 1) {
    await clock.advance(100);
    for (let turn = 0; turn < 5; turn += 1) await settle();
  }
}

async function subscribe(
  hub: Hub,
  resource: string,
  after: number,
): Promise<Recorder & { subscription: FeedSubscription }> {
  const recorder = new Recorder();
  const subscription = await hub.subscribe(resource, after, recorder);
  return Object.assign(recorder, { subscription });
}

describe('a subscription', () => {
  it('is told of writes of this process once the turn has ended, all of them together', async () => {
    const { hub, write } = setUp();
    const pods = await subscribe(hub, 'pods', 0);
    hub.written(await write('a/x'));
    hub.written(await write('a/y'));
    expect(pods.received).toEqual([]);
    await settle();
    expect(pods.batches.map((batch) => batch.length)).toEqual([2]);
    expect(pods.revisions).toEqual([1, 2]);
    expect(pods.subscription.revision).toBe(2);
  });

  it('gets the same array as all others', async () => {
    const { hub, write } = setUp();
    const [one, two] = [await subscribe(hub, 'pods', 0), await subscribe(hub, 'pods', 0)];
    hub.written(await write('a/x'));
    await settle();
    expect(one.batches[0]).toBe(two.batches[0]);
  });

  it('is told of its own resource only', async () => {
    const { hub, write } = setUp();
    const nodes = await subscribe(hub, 'nodes', 0);
    hub.written(await write('a/x', 'pods'));
    hub.written(await write('n', 'nodes'));
    await settle();
    expect(nodes.revisions).toEqual([2]);
  });

  it('begins with what happened before it, from memory', async () => {
    const { hub, write, logReads } = setUp();
    await subscribe(hub, 'pods', 0);
    for (const key of ['a/1', 'a/2', 'a/3']) hub.written(await write(key));
    await settle();
    const late = await subscribe(hub, 'pods', 1);
    expect(late.revisions).toEqual([2, 3]);
    expect(logReads()).toBe(0);
  });

  it('of somebody who leaves does not have the rest of the log read', async () => {
    const store = createMemoryStore();
    for (let i = 0; i < 1_200; i += 1) await put(store, `a/${i}`);
    const { hub, write, logReads } = setUp({ store });
    const received: number[] = [];
    const subscription = await hub.subscribe('pods', 0, {
      events: (events) => received.push(...events.map(({ revision }) => revision)),
      isGone: () => received.length > 0,
      lost: () => undefined,
    });
    subscription.stop();
    const toldOf = received.length;
    expect(toldOf).toBeLessThan(1_200);
    expect(logReads()).toBe(1);
    hub.written(await write('a/later'));
    await settle();
    expect(received).toHaveLength(toldOf);
  });

  it('begins with what happened before this process, from the log', async () => {
    const store = createMemoryStore();
    for (let i = 0; i < 1_200; i += 1) await put(store, `a/${i}`);
    const { hub, write, logReads } = setUp({ store });
    const pods = await subscribe(hub, 'pods', 100);
    expect(pods.received).toHaveLength(1_100);
    expect(logReads()).toBe(3);
    hub.written(await write('a/new'));
    await settle();
    expect(pods.revisions.at(-1)).toBe(1_201);
    expect(pods.received).toHaveLength(1_101);
  });

  it('is refused when the log does not reach back', async () => {
    const store = createMemoryStore({ logLimit: 10 });
    for (let i = 0; i < 50; i += 1) await put(store, `a/${i}`);
    const { hub } = setUp({ store });
    const recorder = new Recorder();
    await expect(hub.subscribe('pods', 5, recorder)).rejects.toBeInstanceOf(CompactedError);
    expect(recorder.received).toEqual([]);
  });

  it('is refused when the store was never reached', async () => {
    const store = createMemoryStore();
    store.available = false;
    const { hub } = setUp({ store });
    await expect(hub.subscribe('pods', 0, new Recorder())).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  it('waits for revisions that are yet to come', async () => {
    const { hub, write } = setUp();
    const pods = await subscribe(hub, 'pods', 3);
    for (const key of ['a/1', 'a/2', 'a/3', 'a/4']) hub.written(await write(key));
    await settle();
    expect(pods.revisions).toEqual([4]);
  });

  it('hears nothing after it was stopped', async () => {
    const { hub, write } = setUp();
    const pods = await subscribe(hub, 'pods', 0);
    pods.subscription.stop();
    hub.written(await write('a/x'));
    await settle();
    expect(pods.received).toEqual([]);
  });

  it('does not suffer from another whose listener fails', async () => {
    const { hub, write } = setUp();
    const broken = new Recorder();
    broken.events = () => {
      throw new Error('broken');
    };
    await hub.subscribe('pods', 0, broken);
    const pods = await subscribe(hub, 'pods', 0);
    hub.written(await write('a/x'));
    hub.written(await write('a/y'));
    await settle();
    expect(pods.revisions).toEqual([1, 2]);
    expect(broken.lostTimes).toBe(1);
  });

  it('follows the store while its resource is quiet, so that bookmarks stay young', async () => {
    const { hub, clock, write } = setUp();
    const nodes = await subscribe(hub, 'nodes', 0);
    for (let i = 0; i < 5; i += 1) hub.written(await write(`a/${i}`, 'pods'));
    await clock.advance(1_000);
    expect(nodes.subscription.revision).toBe(5);
    hub.written(await write('n', 'nodes'));
    await settle();
    expect(nodes.revisions).toEqual([6]);
  });
});

describe('events that do not come as they should', () => {
  it('are put in order without asking the log when acknowledgements overtake each other', async () => {
    const { hub, clock, write, logReads } = setUp();
    const pods = await subscribe(hub, 'pods', 0);
    const [first, second, third] = [await write('a/1'), await write('a/2'), await write('a/3')];
    hub.written(third);
    await settle();
    hub.written(second);
    await settle();
    expect(pods.received).toEqual([]);
    await clock.advance(10);
    hub.written(first);
    await settle();
    await clock.advance(500);
    expect(pods.revisions).toEqual([1, 2, 3]);
    expect(logReads()).toBe(0);
  });

  it('are read from the log when one stays away', async () => {
    const { hub, clock, write, logReads } = setUp();
    const pods = await subscribe(hub, 'pods', 0);
    await write('a/never-told');
    hub.written(await write('a/told'));
    await settle();
    expect(pods.received).toEqual([]);
    await clock.advance(50);
    expect(pods.revisions).toEqual([1, 2]);
    expect(logReads()).toBe(1);
  });

  it('are found within a second when nobody tells of them', async () => {
    const { hub, clock, write } = setUp();
    const pods = await subscribe(hub, 'pods', 0);
    await write('a/x');
    await write('a/y');
    await clock.advance(1_100);
    expect(pods.revisions).toEqual([1, 2]);
  });

  it('are found once the store is back when it was away meanwhile', async () => {
    const { hub, clock, store, write } = setUp();
    const pods = await subscribe(hub, 'pods', 0);
    await write('a/unknown-outcome');
    hub.written(await write('a/x'));
    store.available = false;
    await clock.advance(30_000);
    expect(pods).toMatchObject({ received: [], lostTimes: 0 });
    store.available = true;
    await clock.advance(1_100);
    expect(pods.revisions).toEqual([1, 2]);
  });

  it('are delivered once when several sources tell of them', async () => {
    const { hub, bus, clock, write } = setUp();
    const pods = await subscribe(hub, 'pods', 0);
    const event = await write('a/x');
    hub.written(event);
    bus.deliver('pods', [event]);
    await settle();
    bus.deliver('pods', [event]);
    await clock.advance(2_000);
    expect(pods.revisions).toEqual([1]);
  });

  it('end the subscription when they are no longer in the log, and a new one begins after it', async () => {
    const { hub, clock, write } = setUp({ store: createMemoryStore({ logLimit: 5 }) });
    const pods = await subscribe(hub, 'pods', 0);
    for (let i = 0; i < 20; i += 1) await write(`a/${i}`);
    hub.written(await write('a/told'));
    await clock.advance(50);
    expect(pods).toMatchObject({ lostTimes: 1, received: [] });
    const again = await subscribe(hub, 'pods', 21);
    hub.written(await write('a/new'));
    await clock.advance(1_100);
    expect(again.lostTimes).toBe(0);
    expect(again.revisions).toEqual([22]);
  });

  it('cost no reading of the log while nobody subscribes', async () => {
    const { hub, clock, write, logReads } = setUp();
    await clock.advance(0);
    for (let i = 0; i < 10; i += 1) {
      const event = await write(`a/${i}`);
      if (i % 3 === 0) hub.written(event);
      await clock.advance(700);
    }
    expect(logReads()).toBe(0);
    const late = await subscribe(hub, 'pods', 2);
    await clock.advance(1_100);
    expect(late.revisions).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

describe('memory', () => {
  it('keeps what is told of just after a look at the store had found it', async () => {
    const { hub, clock, write, logReads } = setUp();
    await clock.advance(0);
    hub.written(await write('a/1'));
    const late = await write('a/2');
    await clock.advance(1_000);
    hub.written(late);
    await settle();
    expect((await subscribe(hub, 'pods', 0)).revisions).toEqual([1, 2]);
    expect(logReads()).toBe(0);
  });

  it('is bounded by events of a resource, and what was dropped comes from the log', async () => {
    const { hub, write, logReads } = setUp({ ringEvents: 4 });
    await subscribe(hub, 'pods', 0);
    for (let i = 0; i < 10; i += 1) hub.written(await write(`a/${i}`));
    await settle();
    expect((await subscribe(hub, 'pods', 6)).received).toHaveLength(4);
    expect(logReads()).toBe(0);
    expect((await subscribe(hub, 'pods', 5)).received).toHaveLength(5);
    expect(logReads()).toBe(1);
  });

  it('is bounded by bytes over all resources: the largest gives way', async () => {
    const { hub, write, logReads } = setUp({ ringBytes: 5_000 });
    await subscribe(hub, 'pods', 0);
    hub.written(await write('n', 'nodes'));
    for (let i = 0; i < 100; i += 1) hub.written(await write(`a/${i}`));
    await settle();
    expect((await subscribe(hub, 'nodes', 0)).received).toHaveLength(1);
    expect(logReads()).toBe(0);
    expect((await subscribe(hub, 'pods', 0)).received).toHaveLength(100);
    expect(logReads()).toBe(1);
  });
});

describe('a rollback of the store', () => {
  it('ends every subscription, and new ones see what comes after it', async () => {
    const { hub, store, clock, write } = setUp();
    const [pods, nodes] = [await subscribe(hub, 'pods', 0), await subscribe(hub, 'nodes', 0)];
    const old = await write('a/x');
    hub.written(old);
    await settle();
    store.rollBack();
    expect([pods.lostTimes, nodes.lostTimes]).toEqual([1, 1]);

    await expect(hub.subscribe('pods', 1, new Recorder())).rejects.toBeInstanceOf(CompactedError);
    const again = await subscribe(hub, 'pods', await store.currentRevision());
    hub.written(old);
    const event = await write('a/y');
    hub.written(event);
    await clock.advance(2_000);
    expect(again.revisions).toEqual([event.revision]);
    expect(pods.lostTimes).toBe(1);
  });

  it('is not mixed up with what the store said before it', async () => {
    const store = createMemoryStore();
    const { hub, clock, write } = setUp({ store, delayTicks: 2 });
    store.rollBack();
    for (let turn = 0; turn < 5; turn += 1) await settle();
    const pods = await subscribe(hub, 'pods', await store.currentRevision());
    const untold = await write('a/untold');
    const told = await write('a/told');
    hub.written(told);
    for (let turn = 0; turn < 5; turn += 1) {
      await settle();
      await clock.advance(20);
    }
    expect(pods).toMatchObject({ lostTimes: 0, revisions: [untold.revision, told.revision] });
  });

  it('refuses a subscription that began before it', async () => {
    const { hub, store, write } = setUp({ delayTicks: 3 });
    await write('a/x');
    const pending = hub.subscribe('pods', 0, new Recorder());
    await settle();
    store.rollBack();
    await expect(pending).rejects.toBeInstanceOf(CompactedError);
  });
});

describe('the bus', () => {
  it('is told of what this process wrote: one batch per resource and turn, in order', async () => {
    const { hub, bus, write } = setUp();
    const events = [await write('a/1'), await write('n', 'nodes'), await write('a/2')];
    for (const event of events.toReversed()) hub.written(event);
    await settle();
    expect(new Map(bus.published)).toEqual(new Map(Object.entries({ pods: [1, 3], nodes: [2] })));
    expect(bus.published).toHaveLength(2);
  });

  it('brings events of other replicas, which are not sent on', async () => {
    const { hub, bus, write } = setUp();
    const pods = await subscribe(hub, 'pods', 0);
    bus.deliver('pods', [await write('a/x')]);
    expect(pods.revisions).toEqual([1]);
    await settle();
    expect(bus.published).toEqual([]);
  });
});

describe('whatever is lost, repeated, late or out of order', () => {
  const step = fc.oneof(
    // A write, and how this process comes to know of it.
    {
      arbitrary: fc.record({ write: fc.constantFrom('told', 'told late', 'told twice', 'by bus', 'untold') }),
      weight: 8,
    },
    { arbitrary: fc.record({ writeOther: fc.constant(true) }), weight: 1 },
    { arbitrary: fc.record({ subscribeBack: fc.nat(40) }), weight: 3 },
    { arbitrary: fc.record({ advanceMs: fc.constantFrom(0, 5, 25, 1_000) }), weight: 3 },
    { arbitrary: fc.record({ available: fc.boolean() }), weight: 1 },
  );

  it('every subscriber gets every event after its revision exactly once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60 }),
        fc.constantFrom(1, 3, 100),
        fc.constantFrom(0, 1, 3),
        async (steps, ringEvents, delayTicks) => {
          const { hub, bus, clock, store, write } = setUp({ ringEvents, delayTicks });
          const subscribers: { after: number; recorder: Recorder; outcome: Promise<unknown> }[] = [];
          const late: StoreEvent[] = [];
          const all: number[] = [];
          const known = async (how: string): Promise<void> => {
            const event = await write(`a/${all.length % 5}`);
            all.push(event.revision);
            if (how.startsWith('told') && how !== 'told late') hub.written(event);
            if (how === 'told twice') hub.written({ ...event });
            if (how === 'by bus') bus.deliver('pods', [event]);
            if (how === 'told late') late.unshift(event);
          };
          for (const each of steps) {
            if ('available' in each) store.available = each.available;
            else if ('advanceMs' in each) await clock.advance(each.advanceMs);
            else if ('subscribeBack' in each) {
              const recorder = new Recorder();
              const after = Math.max(0, (all.at(-1) ?? 0) - each.subscribeBack);
              const outcome = hub.subscribe('pods', after, recorder).catch((error: unknown) => error);
              subscribers.push({ after, recorder, outcome });
            } else if (store.available) {
              if ('writeOther' in each) hub.written(await write('n', 'nodes'));
              else await known(each.write);
            }
            if (late.length > 3) for (const event of late.splice(0)) hub.written(event);
          }
          store.available = true;
          await quiet(clock);
          for (const { after, recorder, outcome } of subscribers) {
            // One that began while the store was away may have been refused.
            if ((await outcome) instanceof StoreUnavailableError) continue;
            expect(recorder.revisions).toEqual(all.filter((revision) => revision > after));
            expect(recorder.lostTimes).toBe(0);
          }
          await hub.close();
        },
      ),
      { numRuns: 200 },
    );
  });
});
