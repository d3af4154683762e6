import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { ConfigMaps, Deployments, Namespaces } from '@orrery/api/resources.ts';
import { expired, isNotFound, isStatusError, StatusError } from '@orrery/api/status-error.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isFenced } from './client.ts';
import { type ClientOptions, createClient, type SessionClient } from './session.ts';
import { eventually } from './test-support/eventually.ts';
import { FakeApiServer } from './test-support/fake-apiserver.ts';

let server: FakeApiServer;
const clients: SessionClient[] = [];

function connect(options: Partial<ClientOptions> = {}): SessionClient {
  const client = createClient({
    address: server.address,
    agent: 'tester',
    logger: silentLogger(),
    ...options,
  });
  clients.push(client);
  return client;
}

function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { metadata: { namespace: 'default', name }, data } as ConfigMap;
}

function unavailable(error: unknown): boolean {
  return isStatusError(error, 'ServiceUnavailable');
}

beforeEach(async () => {
  server = await FakeApiServer.start();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  server.stop();
  vi.unstubAllEnvs();
});

describe('a session', () => {
  it('creates, reads, replaces, patches and deletes', async () => {
    const client = connect();
    const created = await client.create(ConfigMaps, configMap('a', { k: '1' }));
    expect(created.metadata.uid).not.toBe('');
    const replaced = await client.update(ConfigMaps, { ...created, data: { k: '2' } });
    expect(await client.get(ConfigMaps, replaced.metadata)).toEqual(replaced);
    const patched = await client.patch(ConfigMaps, created.metadata, 'merge', { data: { k: '3' } });
    expect(patched.data).toEqual({ k: '3' });
    expect(await client.delete(ConfigMaps, created.metadata)).toBeUndefined();
    await expect(client.get(ConfigMaps, created.metadata)).rejects.toSatisfy(isNotFound);
  });

  it('goes straight to the apiserver, whatever proxy the environment of the user names', async () => {
    for (const name of ['grpc_proxy', 'http_proxy', 'https_proxy']) vi.stubEnv(name, 'http://127.0.0.1:9');
    for (const name of ['no_grpc_proxy', 'no_proxy']) vi.stubEnv(name, '');
    server.put(ConfigMaps, configMap('a', { k: '1' }));
    const found = await connect().get(ConfigMaps, { namespace: 'default', name: 'a' });
    expect(found.data).toEqual({ k: '1' });
  });

  it('sends calls of one turn in few messages and pairs thousands of answers', async () => {
    const client = connect();
    for (let index = 0; index < 3_000; index += 1) server.put(ConfigMaps, configMap(`c${index}`));
    const names = Array.from({ length: 3_000 }, (_, index) => `c${index}`);
    const found = await Promise.all(
      names.map((name) => client.get(ConfigMaps, { namespace: 'default', name })),
    );
    expect(found.map(({ metadata }) => metadata.name)).toEqual(names);
    expect(server.batches).toBeLessThan(50);
  });

  it('keeps within the limit of requests in flight', async () => {
    const client = connect({ maxInFlight: 2, maxWaiting: 100 });
    server.put(ConfigMaps, configMap('a'));
    server.silent = true;
    const calls = Array.from({ length: 10 }, () =>
      client.get(ConfigMaps, { namespace: 'default', name: 'a' }),
    );
    const outcome = Promise.allSettled(calls);
    await eventually('two requests', () => server.requests.length === 2);
    await client.close();
    expect((await outcome).every(({ status }) => status === 'rejected')).toBe(true);
    expect(server.requests.length).toBe(2);
  });

  it('refuses calls beyond the queue', async () => {
    server.silent = true;
    const client = connect({ maxInFlight: 1, maxWaiting: 1, deadlineMs: 200 });
    const read = () => client.get(ConfigMaps, { namespace: 'default', name: 'a' });
    const outcome = Promise.allSettled([read(), read()]);
    await expect(read()).rejects.toSatisfy(unavailable);
    await outcome;
  });

  it('gives up a call at its deadline, and opens another stream when nothing at all was heard', async () => {
    const client = connect({ deadlineMs: 500 });
    server.put(ConfigMaps, configMap('a'));
    server.silent = true;
    await expect(client.get(ConfigMaps, { namespace: 'default', name: 'a' })).rejects.toSatisfy(unavailable);
    server.silent = false;
    await eventually('a new stream', () => server.sessions === 2);
    expect(await client.get(ConfigMaps, { namespace: 'default', name: 'a' })).toBeDefined();
  });

  it('rejects what is unanswered when the stream breaks, and serves what comes after', async () => {
    // What was lost must not count as in flight for ever.
    const client = connect({ maxInFlight: 1 });
    server.put(ConfigMaps, configMap('a'));
    server.silent = true;
    const lost = client.get(ConfigMaps, { namespace: 'default', name: 'a' });
    const outcome = lost.catch((error: unknown) => error);
    await eventually('the request', () => server.requests.length === 1);
    server.silent = false;
    server.breakSessions();
    // At once, and not at the deadline.
    expect(await outcome).toMatchObject({
      message: 'connection to the apiserver was lost; the outcome of a write is unknown',
    });
    expect((await client.get(ConfigMaps, { namespace: 'default', name: 'a' })).metadata.name).toBe('a');
  });

  it('holds calls while the apiserver is away and sends them when it is back', async () => {
    const client = connect();
    server.put(ConfigMaps, configMap('a'));
    await client.get(ConfigMaps, { namespace: 'default', name: 'a' });
    server.stop();
    const broken = server;
    await eventually('the loss', () => broken.requests.length === 1);
    server = await FakeApiServer.start({ port: broken.port, previous: broken });
    for (let tries = 0; ; tries += 1) {
      // The first calls may still meet the old connection: that they say so is the contract.
      const outcome = await client
        .get(ConfigMaps, { namespace: 'default', name: 'a' })
        .catch((error: unknown) => error);
      if (!unavailable(outcome)) {
        expect(outcome).toMatchObject({ metadata: { name: 'a' } });
        return;
      }
      expect(tries).toBeLessThan(3);
    }
  });

  it('keeps a call that was never sent over failed tries to connect', async () => {
    const away = server;
    server.stop();
    let failures = 0;
    const logger = { ...silentLogger(), warn: () => (failures += 1) } as unknown as ClientOptions['logger'];
    const client = connect({ logger });
    const found = client.get(ConfigMaps, { namespace: 'default', name: 'a' });
    await eventually('a failed try', () => failures > 0);
    server = await FakeApiServer.start({ port: away.port });
    server.put(ConfigMaps, configMap('a'));
    expect((await found).metadata.name).toBe('a');
  });

  it('rejects what is open when it is closed, and every call after', async () => {
    const client = connect();
    server.silent = true;
    const open = client.get(ConfigMaps, { namespace: 'default', name: 'a' });
    const outcome = open.catch((error: unknown) => error);
    await client.close();
    expect(await outcome).toSatisfy(unavailable);
    await expect(client.get(ConfigMaps, { namespace: 'default', name: 'a' })).rejects.toSatisfy(unavailable);
  });
});

describe('a list', () => {
  it('reads all pages and says the revision of their common state', async () => {
    const client = connect();
    for (let index = 0; index < 1_234; index += 1) server.put(ConfigMaps, configMap(`c${index}`));
    const { revision: before } = server;
    server.intercept = ({ verb }) => {
      if (verb?.$case === 'list' && verb.list.continue !== '')
        server.put(ConfigMaps, configMap('c0', { late: 'yes' }));
    };
    const { items, revision } = await client.list(ConfigMaps);
    expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(1_234);
    expect(revision).toBe(before);
  });

  it('starts over when its state was compacted under way', async () => {
    const client = connect();
    for (let index = 0; index < 600; index += 1) server.put(ConfigMaps, configMap(`c${index}`));
    let refusals = 0;
    server.intercept = ({ verb }) => {
      if (verb?.$case !== 'list' || verb.list.continue === '' || refusals > 0) return;
      refusals += 1;
      throw expired('too old');
    };
    expect((await client.list(ConfigMaps)).items).toHaveLength(600);
    expect(refusals).toBe(1);
  });

  it('gives up when its state is compacted every time', async () => {
    const client = connect();
    server.intercept = () => {
      throw expired('too old');
    };
    await expect(client.list(ConfigMaps)).rejects.toSatisfy((error) => isStatusError(error, 'Expired'));
  });
});

describe('what goes with a call', () => {
  it('carries agent and trace id', async () => {
    const client = connect();
    await client.traced('abc').create(ConfigMaps, configMap('a'));
    expect(server.requests[0]).toMatchObject({ agent: 'tester', traceId: 'abc' });
  });

  it('names the subresource', async () => {
    const client = connect();
    server.put(Deployments, { metadata: { namespace: 'default', name: 'web' } });
    await client.updateScale(Deployments, { namespace: 'default', name: 'web' }, 3);
    const { verb } = server.requests[0]!;
    expect(verb).toMatchObject({ $case: 'patch', patch: { subresource: 'scale' } });
    const namespace = server.put(Namespaces, { metadata: { name: 'gone' } });
    await client.finalizeNamespace(namespace);
    expect(server.requests[1]).toMatchObject({ name: 'gone', verb: { update: { subresource: 'finalize' } } });
  });
});

describe('a fenced client', () => {
  it('sends the fence of the moment with writes only', async () => {
    let epoch = 7;
    const client = connect().fencedBy(() => ({ lease: 'kube-system/x', uid: 'u', epoch }));
    const created = await client.create(ConfigMaps, configMap('a'));
    epoch = 8;
    await client.update(ConfigMaps, created);
    await client.get(ConfigMaps, created.metadata);
    expect(server.requests.map(({ fence }) => fence?.epoch)).toEqual([7, 8, undefined]);
  });

  it('refuses writes on the spot without a fence', async () => {
    let refusals = 0;
    const client = connect().fencedBy(
      () => undefined,
      () => (refusals += 1),
    );
    await expect(client.create(ConfigMaps, configMap('a'))).rejects.toSatisfy(isFenced);
    expect(server.requests).toHaveLength(0);
    expect(refusals).toBe(1);
  });

  it('tells of refusals by the apiserver, and of no other conflict', async () => {
    let refusals = 0;
    const client = connect().fencedBy(
      () => ({ lease: 'kube-system/x', uid: 'u', epoch: 1 }),
      () => (refusals += 1),
    );
    const created = await client.create(ConfigMaps, configMap('a'));
    const stale = { ...created, metadata: { ...created.metadata, resourceVersion: '1' } };
    await expect(client.update(ConfigMaps, stale)).rejects.not.toSatisfy(isFenced);
    server.intercept = () => {
      throw new StatusError(409, 'Conflict', 'fenced: another leader has taken over the lease kube-system/x');
    };
    await expect(client.update(ConfigMaps, created)).rejects.toSatisfy(isFenced);
    expect(refusals).toBe(1);
  });
});
