/** Informers against a real NATS and the session protocol, with each of them taken away. */

import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { ConfigMaps, Secrets } from '@orrery/api/resources.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { EventBatch } from '@orrery/proto/orrery/events.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type NatsServer, startNats } from '../../../../test/support/nats-server.ts';
import type { Informers } from './informer.ts';
import { createInformers } from './informers.ts';
import { type Broker, connectNats } from './nats.ts';
import { createClient, type SessionClient } from './session.ts';
import { eventSubject } from './subjects.ts';
import { eventually } from './test-support/eventually.ts';
import { FakeApiServer } from './test-support/fake-apiserver.ts';

let nats: NatsServer;
let server: FakeApiServer;
let publisher: Broker;
let broker: Broker;
let client: SessionClient;
let informers: Informers;

beforeEach(async () => {
  nats = await startNats();
  server = await FakeApiServer.start();
  publisher = connectNats(nats.url, silentLogger());
  broker = connectNats(nats.url, silentLogger());
  await eventually('NATS', () => publisher.connected && broker.connected);
  server.onEvent = (resource, event) => {
    publisher.publish(eventSubject(resource), EventBatch.encode({ events: [event] }).finish());
  };
  client = createClient({ address: server.address, agent: 'tester', logger: silentLogger() });
  informers = createInformers({ client, events: broker, logger: silentLogger() });
});

afterEach(async () => {
  await informers.stop();
  await client.close();
  await Promise.all([publisher.close(), broker.close()]);
  server.stop();
  await nats.stop();
});

function put(name: string, value = ''): void {
  server.put(ConfigMaps, { metadata: { namespace: 'default', name }, data: { value } });
}

async function settled(): Promise<void> {
  await eventually('the copy to equal the source', () => {
    const copy = informers.of(ConfigMaps).lister;
    const source = server.objects(ConfigMaps);
    if (copy.size !== source.size) return false;
    return [...source].every(
      ([key, object]) => copy.get(key)?.metadata.resourceVersion === object.metadata.resourceVersion,
    );
  });
}

it('follows what happens', async () => {
  const config = informers.of(ConfigMaps);
  const told: string[] = [];
  config.addHandler({ add: ({ metadata }: ConfigMap) => void told.push(metadata.name) });
  put('before');
  await informers.start();
  for (let index = 0; index < 100; index += 1) put(`c${index}`);
  await settled();
  expect(told).toHaveLength(101);
});

it('gives one informer per resource, and starts those that came later', async () => {
  const first = informers.of(ConfigMaps);
  expect(informers.of(ConfigMaps)).toBe(first);
  await informers.start();
  const later = informers.of(Secrets);
  expect(informers.synced).toBe(false);
  await informers.start();
  expect(later.synced).toBe(true);
});

it('stays current while NATS is dead, and after it is back', async () => {
  informers.of(ConfigMaps);
  await informers.start();
  put('a');
  await settled();
  await nats.kill('SIGKILL');
  await eventually('the loss', () => !broker.connected);
  put('b');
  await settled();
  nats = await startNats({ port: nats.port });
  await eventually('the return', () => broker.connected && publisher.connected);
  let replays = 0;
  server.intercept = ({ verb }) => void (replays += verb?.$case === 'replay' ? 1 : 0);
  await eventually('the first question after the return', () => replays > 0);
  put('c');
  await settled();
});

it('stays current while NATS is frozen', async () => {
  informers.of(ConfigMaps);
  await informers.start();
  await nats.kill('SIGSTOP');
  put('a');
  await settled();
  await nats.kill('SIGCONT');
  put('b');
  await settled();
});

it('starts without NATS', async () => {
  await nats.kill('SIGKILL');
  await eventually('the loss', () => !broker.connected);
  informers.of(ConfigMaps);
  put('a');
  await informers.start();
  put('b');
  await settled();
});

it('goes on after the apiserver broke the session, or was started again', async () => {
  informers.of(ConfigMaps);
  await informers.start();
  server.breakSessions();
  put('a');
  await settled();
  const dead = server;
  dead.stop();
  server = await FakeApiServer.start({ port: dead.port, previous: dead });
  put('b');
  await settled();
});

it('notices that the store went back, even when nothing happens after', async () => {
  informers.of(ConfigMaps);
  put('kept');
  const before = server.snapshot(ConfigMaps);
  await informers.start();
  put('forgotten');
  await settled();
  server.rollBack(ConfigMaps, before, { noticed: true });
  await settled();
  expect(informers.of(ConfigMaps).lister.get('default/forgotten')).toBeUndefined();
});

it('ends equal to the source when messages are lost, repeated and out of order', async () => {
  informers.of(ConfigMaps);
  await informers.start();
  let count = 0;
  let held: Uint8Array | undefined;
  server.onEvent = (resource, event) => {
    count += 1;
    const data = EventBatch.encode({ events: [event] }).finish();
    const subject = eventSubject(resource);
    if (count % 7 === 0) return;
    if (count % 5 === 0) {
      held = data;
      return;
    }
    publisher.publish(subject, data);
    if (count % 3 === 0) publisher.publish(subject, data);
    if (held !== undefined) publisher.publish(subject, held);
    held = undefined;
  };
  for (let index = 0; index < 500; index += 1) put(`c${index % 50}`, String(index));
  for (let index = 0; index < 20; index += 1) server.remove(ConfigMaps, `default/c${index}`);
  await settled();
});
