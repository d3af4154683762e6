import { type AddressInfo, createServer } from 'node:net';
import type { ConfigMap, Deployment, Lease, Namespace, Pod } from '@orrery/api/gen/types.ts';
import { ConfigMaps, Deployments, Leases, Namespaces, Pods } from '@orrery/api/resources.ts';
import { isNotFound, type StatusError } from '@orrery/api/status-error.ts';
import { isFenced } from '@orrery/client/client.ts';
import { createClient, type SessionClient } from '@orrery/client/session.ts';
import { ClusterClock, REAL_TIME } from '@orrery/kit/cluster-clock.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import {
  ApiServerClient,
  Event_Type,
  type Patch_Type,
  type Request,
  type Response,
} from '@orrery/proto/orrery/apiserver.ts';
import { type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { definitions } from '../registry/index.ts';
import { sample } from '../registry/sample-objects.ts';
import { ApiFixture, refusalOf } from '../verbs/test-support/api-fixture.ts';
import { type GrpcServer, serveGrpc } from './server.ts';

let fixture: ApiFixture;
let server: GrpcServer;
let client: SessionClient;
let clock: ClusterClock;

const byGroupResource = new Map(definitions.map((each) => [`${each.ref.group}/${each.ref.resource}`, each]));

beforeEach(async () => {
  fixture = await ApiFixture.start({ logLimit: 50 });
  const { api, tokens, store } = fixture;
  clock = new ClusterClock(REAL_TIME);
  server = await serveGrpc(
    { api, tokens, store, definitions: byGroupResource, clock, logger: silentLogger() },
    { bind: '127.0.0.1', port: 0 },
  );
  client = createClient({ address: `127.0.0.1:${server.port}`, agent: 'tester', logger: silentLogger() });
});
afterEach(async () => {
  await client.close();
  await server.close();
  await fixture.close();
});

const configMap = (name: string, labels = {}): ConfigMap =>
  sample<ConfigMap>('configmaps', {}, { name, labels, uid: undefined });
const named = (name: string) => ({ namespace: 'default', name });

describe('a service', () => {
  it('creates, reads, replaces and removes', async () => {
    const created = await client.create(ConfigMaps, configMap('a'));
    expect(created.metadata).toMatchObject({ name: 'a', uid: expect.any(String) });
    expect(await client.get(ConfigMaps, named('a'))).toEqual(created);
    const updated = await client.update(ConfigMaps, { ...created, data: { b: '2' } });
    expect(updated.data).toEqual({ b: '2' });
    expect(await client.delete(ConfigMaps, named('a'))).toBeUndefined();
    expect(await refusalOf(client.get(ConfigMaps, named('a')))).toMatchObject({
      code: 404,
      reason: 'NotFound',
      message: 'configmaps "a" not found',
    });
  });

  it('is given the object when the deletion has to wait', async () => {
    await client.create(ConfigMaps, configMap('a'));
    await client.patch(ConfigMaps, named('a'), 'merge', { metadata: { finalizers: ['example.com/wait'] } });
    const waiting = await client.delete(ConfigMaps, named('a'));
    expect(waiting?.metadata.deletionTimestamp).toBeDefined();
    const refused = client.delete(ConfigMaps, named('a'), { preconditions: { uid: 'other' } });
    expect(await refusalOf(refused)).toMatchObject({ reason: 'Conflict' });
  });

  it('lists all pages of what its selectors want, exact at the revision', async () => {
    for (let i = 0; i < 5; i += 1) {
      await client.create(ConfigMaps, configMap(`c${i}`, { odd: String(i % 2 === 1) }));
    }
    const { items, revision } = await client.list(ConfigMaps, {
      namespace: 'default',
      labelSelector: 'odd=true',
      fieldSelector: 'metadata.name!=c1',
    });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['c3']);
    expect(revision).toBe(await fixture.store.currentRevision());
    expect(await refusalOf(client.list(ConfigMaps, { labelSelector: 'a in' }))).toMatchObject({ code: 400 });
    expect(await refusalOf(client.list(ConfigMaps, { fieldSelector: 'x=y' }))).toMatchObject({ code: 400 });
  });

  it('may write and list more at once than fits into a message', async () => {
    const large = Array.from({ length: 70 }, (_, i) => ({
      ...configMap(`c${i}`, { large: 'true' }),
      data: { text: 'x'.repeat(1_000_000) },
    }));
    await Promise.all(large.map((each) => client.create(ConfigMaps, each)));
    const lists = [{}, { labelSelector: 'large=true' }].map((options) => client.list(ConfigMaps, options));
    const names = large.map(({ metadata }) => metadata.name).toSorted();
    for (const { items } of await Promise.all(lists))
      expect(items.map(({ metadata }) => metadata.name)).toEqual(names);
  });

  it('patches in three ways, the status too', async () => {
    await client.create(Deployments, sample<Deployment>('deployments', {}, { uid: undefined }));
    await client.patch(Deployments, named('web'), 'merge', { metadata: { labels: { a: '1' } } });
    await client.patch(Deployments, named('web'), 'json', [
      { op: 'add', path: '/metadata/labels/b', value: '2' },
    ]);
    const strategic = { spec: { template: { spec: { containers: [{ name: 'side', image: 'busybox' }] } } } };
    await client.patch(Deployments, named('web'), 'strategic', strategic);
    const status = { status: { replicas: 3 }, spec: { replicas: 9 } };
    const result = await client.patch(Deployments, named('web'), 'merge', status, 'status');
    expect(result).toMatchObject({
      metadata: { labels: { a: '1', b: '2' }, generation: 2 },
      spec: { replicas: 1 },
      status: { replicas: 3 },
    });
    expect(result.spec.template.spec!.containers.map(({ name }) => name).sort()).toEqual(['main', 'side']);
  });

  it('scales through the scale subresource, of what can be scaled', async () => {
    await client.create(Deployments, sample<Deployment>('deployments', {}, { uid: undefined }));
    await client.updateScale(Deployments, named('web'), 4);
    expect((await client.get(Deployments, named('web'))).spec.replicas).toBe(4);
    await client.create(ConfigMaps, configMap('a'));
    expect(await refusalOf(client.updateScale(ConfigMaps, named('a'), 4))).toMatchObject({ code: 405 });
    const nonsense = client.patch(Deployments, named('web'), 'merge', { spec: {} }, 'scale');
    expect(await refusalOf(nonsense)).toMatchObject({
      code: 400,
      message: 'spec.replicas: must be a number',
    });
  });

  it('binds a pod once', async () => {
    const pod = await client.create(Pods, sample<Pod>('pods', {}, { uid: undefined }));
    const { uid } = pod.metadata;
    await client.bind({ ...named('web'), uid }, 'n1');
    expect((await client.get(Pods, named('web'))).spec.nodeName).toBe('n1');
    expect(await refusalOf(client.bind({ ...named('web'), uid }, 'n2'))).toMatchObject({
      reason: 'Conflict',
    });
  });

  it('lets a namespace under deletion go', async () => {
    const name = { namespace: '', name: 'team' };
    await client.create(Namespaces, sample<Namespace>('namespaces', {}, { name: 'team', uid: undefined }));
    const going = (await client.delete(Namespaces, name))!;
    await client.finalizeNamespace({ ...going, spec: { finalizers: [] } });
    expect(await refusalOf(client.get(Namespaces, name))).toMatchObject({ code: 404 });
  });

  it('cannot write when another leader has taken over', async () => {
    const spec = { holderIdentity: 'b', leaseDurationSeconds: 15, leaseTransitions: 2 };
    const lease = sample<Lease>('leases', { spec }, { name: 'boss', uid: undefined });
    const { uid } = (await client.create(Leases, lease)).metadata;
    const leader = (epoch: number) => client.fencedBy(() => ({ lease: 'default/boss', uid, epoch }));
    await leader(2).create(ConfigMaps, configMap('a'));
    const late = await refusalOf(leader(1).patch(ConfigMaps, named('a'), 'merge', { data: { b: '2' } }));
    expect(isFenced(late)).toBe(true);
    expect(isFenced(await refusalOf(leader(1).delete(ConfigMaps, named('a'))))).toBe(true);
    await client.delete(Leases, named('boss'));
    await client.create(Leases, lease);
    expect(isFenced(await refusalOf(leader(2).delete(ConfigMaps, named('a'))))).toBe(true);
  });

  it('sends JSON of its own making, but one form of everything is stored', async () => {
    const pod = sample<Pod>('pods', {}, { uid: undefined });
    pod.spec.containers[0]!.resources = { requests: { cpu: '0.5', memory: '1024Mi' } };
    await client.create(Pods, { ...pod, unknown: 1 } as unknown as Pod);
    const stored = await client.get(Pods, named('web'));
    expect(stored).not.toHaveProperty('unknown');
    expect(stored.spec.containers[0]!.resources!.requests).toEqual({ cpu: '500m', memory: '1Gi' });
  });

  it('hears 503 while the store is away', async () => {
    fixture.store.available = false;
    expect(await refusalOf(client.get(ConfigMaps, named('a')))).toMatchObject({ code: 503 });
    expect(await refusalOf(client.replay(ConfigMaps, 0, 10))).toMatchObject({ code: 503 });
    fixture.store.available = true;
  });
});

describe('a replay', () => {
  it('is the events of the resource after a revision, in pages', async () => {
    const { metadata } = await client.create(ConfigMaps, configMap('a'));
    const after = Number(metadata.resourceVersion);
    await client.create(Namespaces, sample<Namespace>('namespaces', {}, { name: 'team', uid: undefined }));
    await client.patch(ConfigMaps, named('a'), 'merge', { data: { b: '2' } });
    await client.delete(ConfigMaps, named('a'));
    const first = await client.replay(ConfigMaps, after, 1);
    expect(first).toMatchObject({ more: true, expired: false, head: after + 3 });
    expect(first.events).toMatchObject([
      { revision: after + 2, previous: after, type: Event_Type.MODIFIED, key: 'default/a' },
    ]);
    const rest = await client.replay(ConfigMaps, after + 2, 10);
    expect(rest).toMatchObject({ more: false });
    expect(rest.events).toMatchObject([{ type: Event_Type.DELETED, previous: after + 2 }]);
    expect(JSON.parse(rest.events[0]!.object.toString())).toMatchObject({
      metadata: { resourceVersion: String(after + 3) },
    });
  });

  it('from before the log says so', async () => {
    for (let i = 0; i < 60; i += 1) await client.create(ConfigMaps, configMap(`c${i}`));
    expect(await client.replay(ConfigMaps, 1, 10)).toMatchObject({ expired: true, events: [] });
  });
});

/** A session without the client library: what it sends is up to the test. */
class RawSession {
  readonly answers: Response[] = [];
  readonly batches: number[] = [];
  readonly ended: Promise<void>;
  readonly stream: ClientDuplexStream<{ requests: Request[] }, { responses: Response[] }>;
  readonly #channel: ApiServerClient;

  constructor(port: number) {
    this.#channel = new ApiServerClient(`127.0.0.1:${port}`, credentials.createInsecure());
    this.stream = this.#channel.session();
    this.stream.on('data', ({ responses }: { responses: Response[] }) => {
      this.batches.push(responses.length);
      this.answers.push(...responses);
    });
    this.ended = new Promise((resolve) => {
      this.stream.on('end', resolve);
      this.stream.on('error', () => resolve());
    });
  }

  /** Sends, ends the own side, and waits until the apiserver has ended its. */
  async ask(...requests: Partial<Request>[]): Promise<Response[]> {
    const whole = requests.map((each, index): Request => ({
      id: index + 1,
      traceId: '',
      agent: 'raw',
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      namespace: 'default',
      name: 'a',
      fence: undefined,
      verb: undefined,
      ...each,
    }));
    this.stream.write({ requests: whole });
    this.stream.end();
    await this.ended;
    this.#channel.close();
    return this.answers.sort((a, b) => a.id - b.id);
  }
}

const statusOf = ({ result }: Response): StatusError => {
  if (result?.$case !== 'error') throw new Error(`expected an error, not ${result?.$case}`);
  return JSON.parse(result.error.toString()) as StatusError;
};

const get: Partial<Request> = { verb: { $case: 'get', get: {} } };

describe('a session', () => {
  it('that the peer ends still answers what is in flight', async () => {
    await fixture.create('configmaps', { metadata: { name: 'a' } });
    const read = fixture.store.get.bind(fixture.store);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let peerEnded = (): void => undefined;
    const asked = new Promise<void>((resolve) => (peerEnded = resolve));
    fixture.store.get = async (resource, key) => {
      peerEnded();
      await held;
      return read(resource, key);
    };
    const session = new RawSession(server.port);
    const answers = session.ask(get, get);
    await asked;
    // Long enough for the end of the stream to have come: a request on another session has been served.
    await client.list(ConfigMaps);
    release();
    expect((await answers).map(({ result }) => result?.$case)).toEqual(['object', 'object']);
  });

  it('answers what is ready together in one message', async () => {
    await fixture.create('configmaps', { metadata: { name: 'a' } });
    const session = new RawSession(server.port);
    await session.ask(get, get, get);
    // The first message tells the clock.
    expect(session.batches).toEqual([0, 3]);
  });

  it('that asks for nothing ends', async () => {
    expect(await new RawSession(server.port).ask()).toEqual([]);
  });

  const body = (text: string): Buffer => Buffer.from(text);
  it.each<[string, Partial<Request>, number, string]>([
    ['no verb', {}, 405, 'MethodNotAllowed'],
    [
      'a resource that does not exist',
      { ...get, resource: { group: 'x', version: 'v1', resource: 'y' } },
      404,
      'NotFound',
    ],
    [
      'a body that is not JSON',
      { verb: { $case: 'create', create: { object: body('{'), subresource: '' } } },
      400,
      'BadRequest',
    ],
    [
      'a subresource that cannot be replaced',
      { verb: { $case: 'update', update: { object: body('{"metadata":{}}'), subresource: 'log' } } },
      405,
      'MethodNotAllowed',
    ],
    [
      'a patch of an unknown type',
      { verb: { $case: 'patch', patch: { type: 9 as Patch_Type, patch: body('{}'), subresource: '' } } },
      400,
      'BadRequest',
    ],
  ])('refuses %s', async (_what, request, code, reason) => {
    await fixture.create('configmaps', { metadata: { name: 'a' } });
    const [answer] = await new RawSession(server.port).ask(request);
    expect(statusOf(answer!)).toMatchObject({ kind: 'Status', code, reason });
  });

  it('answers a failure of the apiserver itself with 500, and goes on', async () => {
    fixture.store.get = () => Promise.reject(new TypeError('broken'));
    const list: Partial<Request> = {
      verb: { $case: 'list', list: { labelSelector: '', fieldSelector: '', limit: 0, continue: '' } },
    };
    const [failed, listed] = await new RawSession(server.port).ask(get, list);
    expect(statusOf(failed!)).toMatchObject({ code: 500, message: 'Internal error occurred: broken' });
    expect(listed!.result?.$case).toBe('list');
  });
});

describe('a token', () => {
  it('is made for the account, and refused for none', async () => {
    const { token, expirationTimestamp } = await client.createToken('default', 'default', {
      audiences: ['vault'],
      expirationSeconds: 600,
    });
    expect(Date.parse(expirationTimestamp)).toBe(fixture.clock.now() + 600_000);
    expect((await fixture.tokens.authenticate(token, ['vault'])).user.name).toBe(
      'system:serviceaccount:default:default',
    );
    await expect(client.createToken('default', 'nobody', {})).rejects.toSatisfy(isNotFound);
  });
});

describe('the port', () => {
  it('that is taken is an error', async () => {
    const { api, tokens, store } = fixture;
    clock = new ClusterClock(REAL_TIME);
    const taken = serveGrpc(
      { api, tokens, store, definitions: byGroupResource, clock, logger: silentLogger() },
      { bind: '127.0.0.1', port: server.port },
    );
    await expect(taken).rejects.toThrow();
  });

  it('is free again after close, even with a session open', async () => {
    await client.list(ConfigMaps);
    await server.close();
    const next = createServer();
    await new Promise<void>((resolve, reject) => {
      next.once('error', reject);
      next.listen(server.port, '127.0.0.1', resolve);
    });
    expect((next.address() as AddressInfo).port).toBe(server.port);
    await new Promise((resolve) => next.close(resolve));
  });
});

describe('the clock of the cluster', () => {
  it('is told with each session, and with each change', async () => {
    const theirs = new ClusterClock({ rate: 1, realMs: 0, clusterMs: 0 });
    clock.adjust({ rate: 1, realMs: 0, clusterMs: 3_600_000 });
    const other = createClient({
      address: `127.0.0.1:${server.port}`,
      agent: 'tester',
      logger: silentLogger(),
      clusterClock: theirs,
    });
    await vi.waitFor(() => expect(theirs.anchor).toEqual(clock.anchor));
    clock.adjust({ rate: 60, realMs: 1, clusterMs: 2 });
    await vi.waitFor(() => expect(theirs.anchor).toEqual({ rate: 60, realMs: 1, clusterMs: 2 }));
    await other.close();
  });
});
