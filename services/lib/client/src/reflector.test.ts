import fc from 'fast-check';
import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { ConfigMaps } from '@orrery/api/resources.ts';
import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { type Event, Event_Type } from '@orrery/proto/orrery/apiserver.ts';
import { EventBatch } from '@orrery/proto/orrery/events.ts';
import { describe, expect, it } from 'vitest';
import type { EventHandler } from './informer.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';
import { eventSubject } from './subjects.ts';
import { LocalBroker } from './test-support/local-broker.ts';

/** The store as a reflector sees it: a state, a log, and a count of what was asked. */
class Source {
  readonly objects = new Map<string, ConfigMap>();
  events: Event[] = [];
  revision = 10;
  head = 0;
  floor = 0;
  down = false;
  lists = 0;
  replays = 0;

  put(name: string, data: Record<string, string> = {}, uid = `uid-${name}`): Event {
    const key = `default/${name}`;
    const type = this.objects.has(key) ? Event_Type.MODIFIED : Event_Type.ADDED;
    const object: ConfigMap = {
      metadata: { namespace: 'default', name, uid, resourceVersion: '', creationTimestamp: '' },
      data,
    };
    this.objects.set(key, object);
    return this.#append(type, object);
  }

  remove(name: string): Event | undefined {
    const object = this.objects.get(`default/${name}`);
    if (object === undefined) return undefined;
    this.objects.delete(`default/${name}`);
    return this.#append(Event_Type.DELETED, structuredClone(object));
  }

  compact(): void {
    this.events = [];
    this.floor = this.revision;
  }

  readonly client: ReflectorOptions<ConfigMap>['client'] = {
    list: () => {
      this.lists += 1;
      if (this.down) return Promise.reject(serviceUnavailable('down'));
      const items = [...this.objects.values()].map((object) => structuredClone(object));
      return Promise.resolve({ items: items as never[], revision: this.revision });
    },
    replay: (_resource, after, limit) => {
      this.replays += 1;
      if (this.down) return Promise.reject(serviceUnavailable('down'));
      const following = this.events.filter(({ revision }) => revision > after);
      const events = after < this.floor ? [] : following.slice(0, limit);
      const more = events.length < following.length;
      return Promise.resolve({ events, head: this.head, more, expired: after < this.floor });
    },
  };

  #append(type: Event['type'], object: ConfigMap): Event {
    // Other resources use up revisions too.
    this.revision += 2;
    object.metadata.resourceVersion = String(this.revision);
    const json = Buffer.from(JSON.stringify(object));
    const event = {
      revision: this.revision,
      previous: this.head,
      type,
      key: keyOf(object),
      object: json,
      before: json,
    };
    this.head = this.revision;
    this.events.push(event);
    return event;
  }
}

/** A copy kept by a handler alone: proves that the handlers are told of everything. */
function mirror(): { handler: EventHandler<ConfigMap>; copy: Map<string, ConfigMap>; log: string[] } {
  const copy = new Map<string, ConfigMap>();
  const log: string[] = [];
  const told = (what: string, { metadata }: ConfigMap): void => void log.push(`${what} ${metadata.name}`);
  const handler: EventHandler<ConfigMap> = {
    add(object) {
      if (copy.has(keyOf(object))) throw new Error('added twice');
      copy.set(keyOf(object), object);
      told('add', object);
    },
    update(object, before) {
      if (copy.get(keyOf(object)) !== before) throw new Error('not what was there before');
      copy.set(keyOf(object), object);
      told('update', object);
    },
    delete(object) {
      if (!copy.delete(keyOf(object))) throw new Error('deleted twice');
      told('delete', object);
    },
  };
  return { handler, copy, log };
}

function set() {
  const source = new Source();
  const broker = new LocalBroker();
  const clock = new ManualClock();
  const reflector = new Reflector<ConfigMap>({
    resource: ConfigMaps,
    client: source.client,
    events: broker,
    clock,
    logger: silentLogger(),
  });
  const send = (...events: (Event | undefined)[]): void => {
    const present = events.filter((event) => event !== undefined);
    broker.publish(eventSubject(ConfigMaps), EventBatch.encode({ events: present }).finish());
  };
  const names = (): string[] =>
    reflector.lister
      .list()
      .map(({ metadata }) => metadata.name)
      .sort();
  return { source, broker, clock, reflector, send, names };
}

describe('a reflector', () => {
  it('lists, then follows events without asking again', async () => {
    const { source, reflector, send, names } = set();
    source.put('a');
    await reflector.start();
    expect(reflector.synced).toBe(true);
    send(source.put('b'));
    send(source.remove('a'));
    expect(names()).toEqual(['b']);
    expect(source).toMatchObject({ lists: 1, replays: 0 });
  });

  it('takes events that came while it listed', async () => {
    const { source, reflector, send, names } = set();
    const started = reflector.start();
    send(source.put('a'));
    await started;
    send(source.put('b'));
    expect(names()).toEqual(['a', 'b']);
  });

  it('lists until it works', async () => {
    const { source, reflector, clock } = set();
    source.down = true;
    const started = reflector.start();
    await clock.advance(5_000);
    expect(reflector.synced).toBe(false);
    source.down = false;
    await clock.advance(1_000);
    await started;
    expect(reflector.synced).toBe(true);
  });

  it('waits a moment for an event that was overtaken', async () => {
    const { source, reflector, send, clock, names } = set();
    await reflector.start();
    send(source.put('a'));
    const [second, third] = [source.put('b'), source.put('c')];
    send(third);
    expect(names()).toEqual(['a']);
    send(second);
    expect(names()).toEqual(['a', 'b', 'c']);
    await clock.advance(500);
    expect(source.replays).toBe(0);
  });

  it('refills a gap from the log, however many events follow', async () => {
    const { source, reflector, send, clock, names } = set();
    await reflector.start();
    send(source.put('a'));
    source.put('lost');
    for (let index = 0; index < 10; index += 1) {
      send(source.put(`later-${index}`));
      await clock.advance(10);
    }
    expect(names()).toHaveLength(12);
    expect(source).toMatchObject({ lists: 1, replays: 1 });
  });

  it('finds a lost last event by asking after silence', async () => {
    const { source, reflector, clock, names } = set();
    await reflector.start();
    source.put('a');
    await clock.advance(1_000);
    expect(names()).toEqual(['a']);
  });

  it('does not ask while events come', async () => {
    const { source, reflector, send, clock } = set();
    await reflector.start();
    for (let index = 0; index < 50; index += 1) {
      send(source.put('a'));
      await clock.advance(100);
    }
    expect(source.replays).toBe(0);
  });

  it('asks at once and more often while NATS is away', async () => {
    const { source, reflector, broker, clock, names } = set();
    await reflector.start();
    source.put('a');
    broker.connected = false;
    await settle();
    expect(names()).toEqual(['a']);
    source.put('b');
    await clock.advance(250);
    expect(names()).toEqual(['a', 'b']);
  });

  it('reads a long log page by page', async () => {
    const { source, reflector, clock, names } = set();
    await reflector.start();
    for (let index = 0; index < 2_500; index += 1) source.put(`c${index}`);
    await clock.advance(1_000);
    expect(names()).toHaveLength(2_500);
    expect(source.replays).toBe(3);
  });

  it('lists again when the log was compacted, and tells handlers of the differences only', async () => {
    const { source, reflector, clock } = set();
    source.put('same');
    source.put('changed');
    source.put('gone');
    source.put('replaced');
    await reflector.start();
    const { handler, log } = mirror();
    reflector.addHandler(handler);
    log.length = 0;
    source.put('changed', { k: '2' });
    source.put('new');
    source.remove('gone');
    source.remove('replaced');
    source.put('replaced', {}, 'another-uid');
    source.compact();
    await clock.advance(1_000);
    expect(log.sort()).toEqual([
      'add new',
      'add replaced',
      'delete gone',
      'delete replaced',
      'update changed',
    ]);
  });

  it('lists again when the store went back', async () => {
    const { source, reflector, send, clock, names } = set();
    source.put('kept');
    await reflector.start();
    const { events, head } = source;
    const old = { objects: new Map(source.objects), events: [...events], head };
    send(source.put('forgotten'));
    source.objects.clear();
    for (const [key, object] of old.objects) source.objects.set(key, object);
    Object.assign(source, { events: old.events, head: old.head });
    await clock.advance(1_000);
    expect(names()).toEqual(['kept']);
  });

  it('lists again when the store went back and on before anybody looked', async () => {
    const { source, reflector, send, clock, names } = set();
    source.put('kept');
    await reflector.start();
    const head = source.head;
    send(source.put('forgotten'));
    source.objects.delete('default/forgotten');
    source.head = head;
    send(source.put('new'));
    await clock.advance(0);
    expect(names()).toEqual(['kept', 'new']);
  });

  it('lists again when the store went back and on after a time in which nothing happened', async () => {
    const { source, reflector, send, clock, names } = set();
    source.put('kept');
    const { head } = source;
    source.put('forgotten');
    await reflector.start();
    await clock.advance(1_000);
    expect(source.replays).toBe(1);
    source.objects.delete('default/forgotten');
    source.head = head;
    send(source.put('new'));
    await clock.advance(0);
    expect(names()).toEqual(['kept', 'new']);
  });

  it('goes on from its second list as from the first', async () => {
    const { source, reflector, send, clock, names } = set();
    await reflector.start();
    send(source.put('a'));
    source.put('b');
    source.compact();
    await clock.advance(1_000);
    send(source.put('c'));
    await clock.advance(5_000);
    expect(names()).toEqual(['a', 'b', 'c']);
    expect(source.lists).toBe(2);
  });

  it('takes no page that was fetched before it listed again', async () => {
    const { source, reflector, send, clock } = set();
    await reflector.start();
    send(source.put('a'));
    const honest = source.client.replay.bind(source.client);
    let answer = (): void => undefined;
    source.client.replay = () =>
      new Promise((resolve) => {
        answer = () => resolve({ events: [], head: 0, more: false, expired: true });
      });
    await clock.advance(1_000);
    source.client.replay = honest;
    source.head = 1;
    send(source.put('out of line'));
    await settle();
    expect(source.lists).toBe(2);
    answer();
    await settle();
    expect(source.lists).toBe(2);
  });

  it('ignores an event that is not newer than what it listed', async () => {
    const { source, reflector, send } = set();
    const { handler, log } = mirror();
    const event = source.put('a');
    // As if the list said an older revision than its items have.
    source.revision -= 2;
    await reflector.start();
    reflector.addHandler(handler);
    send(event);
    expect(log).toEqual(['add a']);
  });

  it('gives handlers what is there already, and nothing once removed', async () => {
    const { source, reflector, send } = set();
    source.put('a');
    await reflector.start();
    const { handler, log } = mirror();
    const remove = reflector.addHandler(handler);
    send(source.put('b'));
    remove();
    send(source.put('c'));
    expect(log).toEqual(['add a', 'add b']);
  });

  it('survives a handler that throws', async () => {
    const { source, reflector, send, names } = set();
    await reflector.start();
    reflector.addHandler({
      add() {
        throw new Error('at fault');
      },
    });
    const { handler, log } = mirror();
    reflector.addHandler(handler);
    send(source.put('a'));
    send(source.put('b'));
    expect(names()).toEqual(['a', 'b']);
    expect(log).toEqual(['add a', 'add b']);
  });

  it('hands out objects that nobody can change', async () => {
    const { source, reflector, send } = set();
    source.put('listed', { k: '1' });
    await reflector.start();
    send(source.put('told', { k: '1' }));
    for (const object of reflector.lister.list()) {
      expect(Object.isFrozen(object.data)).toBe(true);
      expect(() => Object.assign(object.metadata, { name: 'other' })).toThrow(TypeError);
    }
  });

  it('leaves no timer behind when it stops', async () => {
    const { source, reflector, send, clock } = set();
    await reflector.start();
    source.put('lost');
    send(source.put('a'));
    reflector.stop();
    expect(clock.pendingTimers).toBe(0);
    send(source.put('b'));
    await clock.advance(5_000);
    expect(source.replays).toBe(0);
  });
});

type Step =
  | { do: 'put'; name: number; fate: Fate }
  | { do: 'remove'; name: number; fate: Fate }
  | { do: 'compact' }
  | { do: 'flip' }
  | { do: 'outage' }
  | { do: 'wait'; ms: number };
type Fate = 'sent' | 'lost' | 'twice' | 'late';

const fate = fc.constantFrom<Fate>('sent', 'sent', 'sent', 'lost', 'twice', 'late');
const name = fc.integer({ min: 0, max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), name, fate }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), name, fate }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: 'compact' }, { do: 'flip' }, { do: 'outage' }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
  },
);

describe('whatever is lost, repeated, late, compacted or away', () => {
  it('the copy, its index and its handlers end equal to the source', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { source, reflector, broker, clock, send } = set();
        reflector.addIndex('value', ({ data }) => [data?.['k'] ?? '']);
        const { handler, copy } = mirror();
        reflector.addHandler(handler);
        void reflector.start();
        let late: Event[] = [];
        const deliver = (event: Event | undefined, how: Fate): void => {
          if (event === undefined || how === 'lost') return;
          if (how === 'late') late.push(event);
          else send(event);
          if (how === 'twice') send(event);
        };
        for (const [index, each] of steps.entries()) {
          if (each.do === 'put') deliver(source.put(`c${each.name}`, { k: String(index % 3) }), each.fate);
          else if (each.do === 'remove') deliver(source.remove(`c${each.name}`), each.fate);
          else if (each.do === 'compact') source.compact();
          else if (each.do === 'flip') broker.connected = !broker.connected;
          else if (each.do === 'outage') source.down = !source.down;
          else {
            await clock.advance(each.ms);
            send(...late.reverse());
            late = [];
          }
        }
        source.down = false;
        await clock.advance(3_000);
        const expected = new Map(source.objects);
        const held = new Map(reflector.lister.list().map((object) => [keyOf(object), object]));
        expect(held).toEqual(expected);
        expect(copy).toEqual(expected);
        for (const value of ['0', '1', '2']) {
          const indexed = new Set(reflector.lister.byIndex('value', value).map(keyOf));
          const having = [...expected].filter(([, { data }]) => data?.['k'] === value).map(([key]) => key);
          expect(indexed).toEqual(new Set(having));
        }
        reflector.stop();
      }),
      { numRuns: 150 },
    );
  });
});
