import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect, type NatsConnection } from 'nats';
import { silentLogger } from '@orrery/kit/logger.ts';
import { EventBatch } from '@orrery/proto/orrery/events.ts';
import { type NatsServer, startNats } from '../../../../test/support/nats-server.ts';
import { eventOf, valueOf } from '../store/conformance.ts';
import { createMemoryStore } from '../store/memory.ts';
import type { StoreEvent } from '../store/store.ts';
import { createHub } from './hub.ts';
import { createNatsEvents, type NatsEvents } from './nats-events.ts';

const logger = silentLogger();

function eventAt(revision: number, change: Partial<StoreEvent> = {}): StoreEvent {
  return {
    resource: 'pods',
    revision,
    previous: revision - 1,
    type: 'ADDED',
    key: 'a/x',
    value: `{"metadata":{"name":"x","resourceVersion":"${revision}"}}`,
    before: undefined,
    ...change,
  };
}

describe('NATS events', () => {
  let nats: NatsServer;
  const open: NatsEvents[] = [];
  let observer: NatsConnection | undefined;

  beforeEach(async () => {
    nats = await startNats();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((bus) => bus.close()));
    await observer?.close();
    observer = undefined;
    await nats.stop();
  });

  const start = async (): Promise<NatsEvents> => {
    const bus = createNatsEvents({ url: nats.url, logger });
    open.push(bus);
    await vi.waitFor(() => expect(bus.connected).toBe(true), 5_000);
    return bus;
  };
  const listenTo = (bus: NatsEvents): [string, StoreEvent[]][] => {
    const heard: [string, StoreEvent[]][] = [];
    bus.onEvents((resource, events) => heard.push([resource, events]));
    return heard;
  };
  const observe = async (): Promise<{ subject: string; batch: EventBatch }[]> => {
    observer = await connect({ servers: nats.url });
    const messages: { subject: string; batch: EventBatch }[] = [];
    observer.subscribe('>', {
      callback: (_, message) =>
        messages.push({ subject: message.subject, batch: EventBatch.decode(message.data) }),
    });
    await observer.flush();
    return messages;
  };

  it('reach other replicas as they were written, and not the sender', async () => {
    const [one, two] = [await start(), await start()];
    const [own, others] = [listenTo(one), listenTo(two)];
    const event = eventAt(5, {
      resource: 'endpointslices.discovery.k8s.io',
      value: '{"metadata":{},"text":"你好"}',
    });
    one.publish(event.resource, [event, eventAt(6, { resource: event.resource, type: 'DELETED' })]);
    await vi.waitFor(() => expect(others).toHaveLength(1), 5_000);
    const removal = eventAt(6, { resource: event.resource, type: 'DELETED' });
    expect(others).toEqual([['endpointslices.discovery.k8s.io', [event, removal]]]);
    expect(own).toEqual([]);
  });

  it('travel on a subject per resource', async () => {
    const messages = await observe();
    const bus = await start();
    bus.publish('pods', [eventAt(1)]);
    bus.publish('deployments.apps', [eventAt(2)]);
    await vi.waitFor(() => expect(messages).toHaveLength(2), 5_000);
    expect(messages.map(({ subject }) => subject)).toEqual([
      'orrery.events.core.pods',
      'orrery.events.apps.deployments',
    ]);
  });

  it('carry the object before where the event has it', async () => {
    const messages = await observe();
    const bus = await start();
    const before = '{"metadata":{"labels":{"app":"web"}}}';
    bus.publish('pods', [eventAt(1, { type: 'MODIFIED', before }), eventAt(2, { type: 'MODIFIED' })]);
    await vi.waitFor(() => expect(messages).toHaveLength(1), 5_000);
    expect(messages[0]?.batch.events.map((event) => event.before.toString())).toEqual([before, '']);
  });

  it('are split over messages that NATS takes, and one too large for it is left out', async () => {
    const bus = await start();
    const heard = listenTo(await start());
    const value = (length: number): string => `{"metadata":{},"data":"${'x'.repeat(length)}"}`;
    const sizes = [400_000, 400_000, 400_000, 2_000_000, 100];
    bus.publish(
      'pods',
      sizes.map((size, i) => eventAt(i + 1, { value: value(size) })),
    );
    await vi.waitFor(() => expect(heard.flatMap(([, events]) => events)).toHaveLength(4), 5_000);
    const revisions = heard.flatMap(([, events]) => events.map(({ revision }) => revision));
    expect(revisions).toEqual([1, 2, 3, 5]);
  });

  it('are dropped while NATS is away, and flow again when it is back', async () => {
    const [one, two] = [await start(), await start()];
    const heard = listenTo(two);
    await nats.kill('SIGKILL');
    await vi.waitFor(() => expect([one.connected, two.connected]).toEqual([false, false]), 5_000);
    one.publish('pods', [eventAt(1)]);
    nats = await startNats({ port: nats.port });
    await vi.waitFor(() => expect([one.connected, two.connected]).toEqual([true, true]), 5_000);
    await vi.waitFor(() => {
      one.publish('pods', [eventAt(2)]);
      expect(heard.length).toBeGreaterThan(0);
    }, 5_000);
    expect(heard[0]?.[1].map(({ revision }) => revision)).toEqual([2]);
  });

  it('find a NATS that was not there at the start', async () => {
    await nats.kill('SIGKILL');
    const bus = createNatsEvents({ url: nats.url, logger });
    open.push(bus);
    bus.publish('pods', [eventAt(1)]);
    expect(bus.connected).toBe(false);
    nats = await startNats({ port: nats.port });
    await vi.waitFor(() => expect(bus.connected).toBe(true), 5_000);
  });

  it('do not pile up for a NATS that is stopped, which is given up and found again', async () => {
    const messages = await observe();
    const bus = await start();
    await nats.kill('SIGSTOP');
    const value = 'x'.repeat(200_000);
    for (let i = 1; i <= 1_000; i += 1) bus.publish('pods', [eventAt(i, { value })]);
    await vi.waitFor(() => expect(bus.connected).toBe(false), 10_000);
    await nats.kill('SIGCONT');
    await vi.waitFor(() => expect(bus.connected).toBe(true), 10_000);
    bus.publish('pods', [eventAt(1_001)]);
    const last = (): number | undefined => messages.at(-1)?.batch.events[0]?.revision;
    await vi.waitFor(() => expect(last()).toBe(1_001), 10_000);
    // Of 200 MB at most what may be unconfirmed was ever sent.
    expect(messages.length).toBeLessThan(100);
  });

  it('can be closed while NATS is away', async () => {
    await nats.kill('SIGKILL');
    const bus = createNatsEvents({ url: nats.url, logger });
    await bus.close();
    expect(bus.connected).toBe(false);
  });

  it('let the watches of one replica see the writes of another at once', async () => {
    const store = createMemoryStore();
    const [busOne, busTwo] = [await start(), await start()];
    const [one, two] = [createHub({ store, logger, bus: busOne }), createHub({ store, logger, bus: busTwo })];
    const revisions: number[] = [];
    await two.subscribe('pods', 0, {
      events: (events) => revisions.push(...events.map(({ revision }) => revision)),
      lost: () => revisions.push(-1),
    });
    for (let i = 1; i <= 50; i += 1) one.written(eventOf(await store.create('pods', `a/${i}`, valueOf('x'))));
    const expected = Array.from({ length: 50 }, (_, i) => i + 1);
    await vi.waitFor(() => expect(revisions).toEqual(expected), 5_000);
    await Promise.all([one.close(), two.close()]);
  });
});
