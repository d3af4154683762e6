import type { KubeObject } from '@orrery/api/gen/types.ts';
import { expired, StatusError } from '@orrery/api/status-error.ts';
import { settle } from '@orrery/kit/manual-clock.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configMapsDefinition } from '../registry/configmap.ts';
import type { StoreEvent } from '../store/store.ts';
import type { WatchEvent } from '../verbs/api.ts';
import type { FakeWatch } from './test-support/fake-api.ts';
import { RestFixture } from './test-support/rest-fixture.ts';

let fixture: RestFixture;

beforeEach(async () => {
  fixture = await RestFixture.start();
});

afterEach(() => fixture.stop());

const WATCH = '/api/v1/namespaces/default/configmaps?watch=true';

function value(name: string, revision: number, data = 'x'): string {
  return JSON.stringify({
    metadata: {
      name,
      namespace: 'default',
      creationTimestamp: '2026-01-01T00:00:00Z',
      resourceVersion: String(revision),
    },
    data: { data },
  });
}

/** An event as the log would have it, the same for all watchers. */
function event(type: WatchEvent['type'], name: string, revision: number, data?: string): WatchEvent {
  const text = value(name, revision, data);
  const source: StoreEvent = {
    resource: 'configmaps',
    revision,
    previous: revision - 1,
    type,
    key: `default/${name}`,
    value: text,
    before: undefined,
  };
  return { type, revision, value: text, source };
}

/** The only watch there is. */
function begun(): FakeWatch {
  expect(fixture.api.watches).toHaveLength(1);
  return fixture.api.watches[0]!;
}

/** Resolves once the condition holds; the test's own time limit bounds it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settle();
}

describe('a watch', () => {
  test('sends its headers at once and then one line per event', async () => {
    const watch = await fixture.watch(`${WATCH}&resourceVersion=5`, {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(watch.code).toBe(200);
    expect(watch.headers).toMatchObject({
      'content-type': 'application/json',
      'transfer-encoding': 'chunked',
    });
    expect(watch.headers['content-encoding']).toBeUndefined();
    begun().watcher.events([event('ADDED', 'a', 6), event('DELETED', 'a', 7)]);
    expect(await watch.next()).toEqual({
      type: 'ADDED',
      object: { kind: 'ConfigMap', apiVersion: 'v1', ...(JSON.parse(value('a', 6)) as object) },
    });
    expect(await watch.next()).toMatchObject({
      type: 'DELETED',
      object: { metadata: { resourceVersion: '7' } },
    });
    watch.close();
  });

  test('stops with its client', async () => {
    const watch = await fixture.watch(WATCH);
    watch.close();
    await until(() => begun().stopped);
    expect(fixture.connectionClock.pendingTimers).toBe(0);
  });

  test('hands all parameters to the verbs as they are', async () => {
    const watch = await fixture.watch(
      '/api/v1/watch/configmaps?resourceVersion=7&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&fieldSelector=metadata.name%3Da',
    );
    const { selection, ...options } = begun().options;
    expect(options).toEqual({
      resourceVersion: '7',
      resourceVersionMatch: 'NotOlderThan',
      sendInitialEvents: true,
    });
    expect(selection?.fields?.({ metadata: { name: 'a' } } as KubeObject)).toBe(true);
    watch.close();
  });

  test('of one object may name it in the path', async () => {
    const watch = await fixture.watch('/api/v1/watch/namespaces/default/configmaps/a');
    expect(begun().options).toMatchObject({ namespace: 'default', name: 'a' });
    watch.close();
  });

  test('encodes an event once for all that look at it in the same form', async () => {
    const watches = [await fixture.watch(WATCH), await fixture.watch(WATCH)];
    const shared = event('MODIFIED', 'a', 9);
    fixture.api.watches[0]!.watcher.events([shared]);
    // Would show if it were encoded again.
    Object.assign(shared, { value: value('b', 9) });
    fixture.api.watches[1]!.watcher.events([shared]);
    for (const watch of watches) {
      expect(await watch.next()).toMatchObject({ object: { metadata: { name: 'a' } } });
      watch.close();
    }
  });

  test('may begin before it is established', async () => {
    fixture.api.onWatch = ({ watcher }) => {
      watcher.events([{ ...event('ADDED', 'a', 3), source: undefined }]);
      watcher.initialEventsEnd(4);
    };
    const watch = await fixture.watch(`${WATCH}&allowWatchBookmarks=true&sendInitialEvents=true`);
    expect(await watch.next()).toMatchObject({ type: 'ADDED' });
    expect(await watch.next()).toEqual({
      type: 'BOOKMARK',
      object: {
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { resourceVersion: '4', annotations: { 'k8s.io/initial-events-end': 'true' } },
      },
    });
    watch.close();
  });

  test('counts as a long-running request while it lasts', async () => {
    const gauge = async (): Promise<string> =>
      /apiserver_longrunning_requests\{.*\} \d/.exec((await fixture.ask('/metrics')).text)?.[0] ?? '';
    const watch = await fixture.watch(WATCH);
    expect(await gauge()).toBe('apiserver_longrunning_requests{verb="WATCH",resource="configmaps"} 1');
    watch.close();
    await until(() => begun().stopped);
    expect(await gauge()).toBe('apiserver_longrunning_requests{verb="WATCH",resource="configmaps"} 0');
  });
});

describe('the end of a watch', () => {
  test('comes after timeoutSeconds, cleanly, with a last bookmark', async () => {
    const watch = await fixture.watch(`${WATCH}&timeoutSeconds=5&allowWatchBookmarks=true`);
    begun().revision = 42;
    await fixture.connectionClock.advance(5_000);
    expect(await watch.next()).toMatchObject({
      type: 'BOOKMARK',
      object: { metadata: { resourceVersion: '42' } },
    });
    expect(await watch.next()).toBeUndefined();
    expect(begun().stopped).toBe(true);
    // The connection is still good.
    expect((await fixture.ask('/version')).code).toBe(200);
  });

  test('comes between half an hour and an hour by itself', async () => {
    const watch = await fixture.watch(WATCH);
    await fixture.connectionClock.advance(1_799_000);
    expect(begun().stopped).toBe(false);
    await fixture.connectionClock.advance(1_801_000);
    expect(begun().stopped).toBe(true);
    expect(await watch.next()).toBeUndefined();
  });

  test('is told in the stream when it cannot go on', async () => {
    const watch = await fixture.watch(WATCH);
    begun().watcher.events([event('ADDED', 'a', 6)]);
    begun().watcher.error(expired('too old resource version: 6 (9)'));
    expect(await watch.next()).toMatchObject({ type: 'ADDED' });
    expect(await watch.next()).toEqual({
      type: 'ERROR',
      object: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'too old resource version: 6 (9)',
        reason: 'Expired',
        code: 410,
      },
    });
    expect(await watch.next()).toBeUndefined();
  });

  test('is told in the stream when it is too late from the start', async () => {
    fixture.api.nextError = expired('too old resource version: 5 (120)');
    const watch = await fixture.watch(`${WATCH}&resourceVersion=5`);
    expect(watch.code).toBe(200);
    expect(await watch.next()).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    expect(await watch.next()).toBeUndefined();
  });

  test('is an HTTP error when the request is wrong', async () => {
    fixture.api.nextError = new StatusError(422, 'Invalid', 'no');
    expect((await fixture.ask(WATCH)).code).toBe(422);
    expect((await fixture.ask(`${WATCH}&timeoutSeconds=soon`)).code).toBe(400);
    expect((await fixture.ask(WATCH, { headers: { accept: 'application/yaml' } })).code).toBe(406);
  });
});

describe('bookmarks', () => {
  test('come every minute, to those who want them', async () => {
    const watch = await fixture.watch(`${WATCH}&allowWatchBookmarks=1`);
    begun().revision = 7;
    await fixture.connectionClock.advance(60_000);
    begun().revision = 8;
    await fixture.connectionClock.advance(60_000);
    const bookmark = (resourceVersion: string): object => ({
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion } },
    });
    expect(await watch.next()).toEqual(bookmark('7'));
    expect(await watch.next()).toEqual(bookmark('8'));
    watch.close();
  });

  test('do not come to others', async () => {
    const watch = await fixture.watch(`${WATCH}&timeoutSeconds=90`);
    await fixture.connectionClock.advance(90_000);
    expect(await watch.next()).toBeUndefined();
  });
});

describe('other forms', () => {
  test('a table has its columns in the first event only', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const watch = await fixture.watch(`${WATCH}&allowWatchBookmarks=true&includeObject=None`, {
      headers: { accept },
    });
    begun().watcher.events([event('ADDED', 'a', 6), event('MODIFIED', 'a', 7)]);
    begun().watcher.initialEventsEnd(7);
    expect(await watch.next()).toMatchObject({
      type: 'ADDED',
      object: {
        kind: 'Table',
        columnDefinitions: [{ name: 'Name' }, {}, {}],
        rows: [{ cells: ['a', 1, '0s'] }],
      },
    });
    expect(await watch.next()).toEqual({
      type: 'MODIFIED',
      object: {
        kind: 'Table',
        apiVersion: 'meta.k8s.io/v1',
        metadata: { resourceVersion: '7' },
        columnDefinitions: null,
        rows: [{ cells: ['a', 1, '0s'] }],
      },
    });
    expect(await watch.next()).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'Table',
        rows: [{ object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } }],
      },
    });
    watch.close();
  });

  test('metadata alone', async () => {
    const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
    const watch = await fixture.watch(`${WATCH}&allowWatchBookmarks=true`, { headers: { accept } });
    begun().watcher.events([event('ADDED', 'a', 6)]);
    begun().watcher.initialEventsEnd(6);
    const { object } = (await watch.next()) as { object: object };
    expect(object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'a' } });
    expect(object).not.toHaveProperty('data');
    expect(await watch.next()).toMatchObject({ type: 'BOOKMARK', object: { kind: 'PartialObjectMetadata' } });
    watch.close();
  });

  test('another version of the resource', async () => {
    const watch = await fixture.watch('/apis/extensions/v1beta1/deployments?watch=true');
    begun().watcher.events([event('ADDED', 'a', 6)]);
    expect(await watch.next()).toMatchObject({
      object: { kind: 'Deployment', apiVersion: 'extensions/v1beta1' },
    });
    expect(watch.headers['warning']).toContain('is deprecated');
    watch.close();
  });
});

describe('a client that does not read', () => {
  const MEBIBYTE = 'x'.repeat(1024 * 1024);

  test('gets a large initial state piece by piece, however large it is', async () => {
    const count = 48;
    fixture.api.onWatch = ({ watcher }) => {
      const events = Array.from({ length: count }, (_, index) => ({
        ...event('ADDED', `a${index}`, index + 1, MEBIBYTE),
        source: undefined,
      }));
      watcher.events(events);
      watcher.initialEventsEnd(count);
    };
    const watch = await fixture.watch(`${WATCH}&sendInitialEvents=true`);
    for (let index = 0; index < count; index += 1) {
      expect(await watch.next()).toMatchObject({
        type: 'ADDED',
        object: { metadata: { name: `a${index}` } },
      });
    }
    expect(await watch.next()).toMatchObject({ type: 'BOOKMARK' });
    watch.close();
  });

  test('is cut off when too much piles up behind it', async () => {
    const watch = await fixture.watch(WATCH);
    watch.message.pause();
    const { watcher } = begun();
    for (let index = 0; index < 64 && !begun().stopped; index += 1) {
      watcher.events([event('MODIFIED', 'a', index + 1, MEBIBYTE)]);
      await settle();
    }
    expect(begun().stopped).toBe(true);
    // What comes later is for nobody.
    watcher.events([event('MODIFIED', 'a', 100)]);
    watch.close();
  });
});

describe('closing the server', () => {
  test('ends watches cleanly, lets requests in flight finish, and takes no new ones', async () => {
    fixture.api.put(configMapsDefinition, { metadata: { name: 'a', namespace: 'default' } } as KubeObject);
    let open = (): void => {};
    fixture.api.gate = new Promise((resolve) => {
      open = resolve;
    });
    const watch = await fixture.watch(`${WATCH}&allowWatchBookmarks=true`);
    const inFlight = fixture.ask('/api/v1/namespaces/default/configmaps/a');
    // One more round trip: the server has seen the request before.
    await fixture.ask('/version');
    const closed = fixture.server.close();
    expect(await watch.next()).toMatchObject({ type: 'BOOKMARK' });
    expect(await watch.next()).toBeUndefined();
    open();
    const answer = await inFlight;
    expect(answer.code).toBe(200);
    expect(answer.headers.connection).toBe('close');
    await closed;
    await expect(fixture.ask('/version', { as: 'nobody' })).rejects.toThrow('ECONNREFUSED');
  });

  test('does not wait for ever', async () => {
    fixture.api.gate = new Promise(() => {});
    const stuck = fixture.ask('/api/v1/namespaces/default/configmaps/a').catch((error: Error) => error);
    await fixture.ask('/version');
    const closed = fixture.server.close();
    await fixture.connectionClock.advance(5_000);
    await closed;
    expect(await stuck).toBeInstanceOf(Error);
  });
});
