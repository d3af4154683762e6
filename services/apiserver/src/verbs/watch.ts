/** Watches: the event feed as one selection sees it. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import { expired, field, invalid } from '@orrery/api/status-error.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import { CompactedError, type ListRequest, type StoreEvent } from '../store/store.ts';
import type { FeedSubscription } from '../watch/feed.ts';
import type { Selection, WatchEvent, Watcher, WatchHandle, WatchOptions } from './api.ts';
import type { VerbDependencies } from './dependencies.ts';
import { decodeObject, storeName } from './encoding.ts';
import { awaitRevision, parseResourceVersion, selects } from './read.ts';

/** Parsed objects of an event, shared by all watchers that select. */
const parsed = new WeakMap<StoreEvent, { object: KubeObject; before: KubeObject | undefined }>();

function parsedEvent(event: StoreEvent): { object: KubeObject; before: KubeObject | undefined } {
  let both = parsed.get(event);
  if (both === undefined) {
    both = {
      object: decodeObject(event),
      before: event.before === undefined ? undefined : decodeObject({ value: event.before }),
    };
    parsed.set(event, both);
  }
  return both;
}

/** Which keys a watch can see at all, decided without parsing. */
function keyFilter(options: WatchOptions): (key: string) => boolean {
  const { namespace = '', name } = options;
  if (name !== undefined) {
    const only = objectKey(namespace, name);
    return (key) => key === only;
  }
  if (namespace === '') return () => true;
  const prefix = `${namespace}/`;
  return (key) => key.startsWith(prefix);
}

/** The last state that a selection saw of an object that has just left it. */
function departed(event: StoreEvent, before: KubeObject): WatchEvent {
  const left = { ...before, metadata: { ...before.metadata, resourceVersion: String(event.revision) } };
  return { type: 'DELETED', revision: event.revision, value: JSON.stringify(left), source: undefined };
}

/** One event as the selection sees it; undefined when it does not. Pure. */
export function viewEvent(event: StoreEvent, selection: Selection | undefined): WatchEvent | undefined {
  const whole: WatchEvent = { type: event.type, revision: event.revision, value: event.value, source: event };
  if (selection?.labels === undefined && selection?.fields === undefined) return whole;
  const { object, before } = parsedEvent(event);
  const matches = (each: KubeObject): boolean =>
    (selection.labels?.(each.metadata.labels) ?? true) && (selection.fields?.(each) ?? true);
  const isIn = matches(object);
  if (event.type === 'ADDED') return isIn ? whole : undefined;
  // Without `before` nothing that a selector can see has changed.
  const wasIn = before === undefined ? isIn : matches(before);
  if (event.type === 'DELETED') {
    // The last state may differ from the one before: a write that takes the last finalizer deletes.
    if (!wasIn) return undefined;
    return isIn || before === undefined ? whole : departed(event, before);
  }
  if (isIn) return wasIn ? whole : { ...whole, type: 'ADDED', source: undefined };
  return wasIn && before !== undefined ? departed(event, before) : undefined;
}

function optionsError(problem: ReturnType<typeof field.forbidden>): Error {
  return invalid({ group: 'meta.k8s.io', kind: 'ListOptions', name: '' }, [problem]);
}

function checkOptions(options: WatchOptions): void {
  const match = options.resourceVersionMatch ?? '';
  if (options.sendInitialEvents === undefined) {
    if (match !== '') {
      throw optionsError(
        field.forbidden(
          'resourceVersionMatch',
          'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
        ),
      );
    }
    return;
  }
  if (match !== 'NotOlderThan') {
    throw optionsError(
      field.forbidden(
        'resourceVersionMatch',
        'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      ),
    );
  }
}

export function tooOld(revision: number, oldest: number): Error {
  return expired(`too old resource version: ${revision} (${oldest})`);
}

/** Sends the present state as ADDED events; returns the revision at which it is exact. */
async function sendInitialState(
  { store }: VerbDependencies,
  definition: ResourceDefinition,
  options: WatchOptions,
  watcher: Watcher,
): Promise<number> {
  const request: ListRequest = { resource: storeName(definition) };
  if (options.namespace !== undefined && options.namespace !== '') request.namespace = options.namespace;
  const page = await store.list(request);
  const sees = keyFilter(options);
  const events = page.items
    .filter((each) => sees(each.key) && selects(options.selection, each))
    .map(({ revision, value }): WatchEvent => ({ type: 'ADDED', revision, value, source: undefined }));
  if (events.length > 0) watcher.events(events);
  return page.revision;
}

/** Carries out `Api.watch`. */
export async function watch(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  options: WatchOptions,
  watcher: Watcher,
): Promise<WatchHandle> {
  checkOptions(options);
  const asked = parseResourceVersion(options.resourceVersion) ?? 0;
  const sendsState = options.sendInitialEvents ?? asked === 0;
  if (options.sendInitialEvents === true && asked > 0) await awaitRevision(dependencies, asked);
  let start = asked;
  if (sendsState) {
    start = await sendInitialState(dependencies, definition, options, watcher);
    if (options.sendInitialEvents === true) watcher.initialEventsEnd(start);
  } else if (asked === 0) {
    start = await dependencies.store.currentRevision();
  }
  return follow(dependencies, definition, options, watcher, start);
}

async function follow(
  { feed }: VerbDependencies,
  definition: ResourceDefinition,
  options: WatchOptions,
  watcher: Watcher,
  start: number,
): Promise<WatchHandle> {
  const sees = keyFilter(options);
  let subscription: FeedSubscription;
  try {
    subscription = await feed.subscribe(storeName(definition), start, {
      events: (events) => {
        const seen: WatchEvent[] = [];
        for (const event of events) {
          if (!sees(event.key)) continue;
          const view = viewEvent(event, options.selection);
          if (view !== undefined) seen.push(view);
        }
        if (seen.length > 0) watcher.events(seen);
      },
      isGone: () => watcher.isGone?.() ?? false,
      lost: () => watcher.error(tooOld(subscription?.revision ?? start, start)),
    });
  } catch (error) {
    if (error instanceof CompactedError) throw tooOld(start, error.oldestRevision);
    throw error;
  }
  return subscription;
}
