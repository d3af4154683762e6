/** The end of every write: one step in the store, then the event. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { keyOf } from '@orrery/api/meta.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { Stored, StoreEvent, WriteOptions, WriteResult } from '../store/store.ts';
import type { RequestContext, StoredObject } from './api.ts';
import { selectionChanged } from './field-selector.ts';
import { fencedError, type VerbDependencies } from './dependencies.ts';
import { encodeObject, encodeUnstored, storeName } from './encoding.ts';

/**
 * How often a read-change-write that names no resourceVersion starts again when somebody else wrote in between. Each
 * lost try is a write that somebody else has won, so that only a hundred writers of one object can use them up; upstream
 * goes on until the request times out. Clients do not expect a conflict that they did not ask for.
 */
export const CONFLICT_TRIES = 100;

/** What a write came to; `conflict` tells what is there now. */
export type WriteOutcome =
  | { outcome: 'written'; result: StoredObject }
  | { outcome: 'conflict'; current: Stored | undefined };

function writeOptions(
  { clock }: VerbDependencies,
  definition: ResourceDefinition,
  object: KubeObject,
  context: RequestContext,
): WriteOptions {
  const options: WriteOptions = {};
  if (context.fence !== undefined) options.fence = context.fence;
  if (definition.fenceEpoch !== undefined) {
    const { uid } = object.metadata;
    options.setFence = { lease: keyOf(object), uid, epoch: definition.fenceEpoch(object) };
  }
  if (definition.ttlMs !== undefined) options.expiresAtMs = clock.now() + definition.ttlMs;
  return options;
}

/**
 * The event as watchers need it: the object before the change only where a selection may have
 * changed. It is decided here, where both are parsed already.
 */
function slimEvent(
  definition: ResourceDefinition,
  event: StoreEvent,
  before: KubeObject | undefined,
  object: KubeObject,
): StoreEvent {
  if (before !== undefined && selectionChanged(definition, before, object)) return event;
  return { ...event, before: undefined };
}

function settle(
  { feed }: VerbDependencies,
  definition: ResourceDefinition,
  before: KubeObject | undefined,
  object: KubeObject,
  context: RequestContext,
  result: WriteResult,
): WriteOutcome {
  switch (result.outcome) {
    case 'fenced':
      throw fencedError(context.fence?.lease ?? '');
    case 'conflict':
      return result;
    case 'written': {
      feed.written(slimEvent(definition, result.event, before, object));
      const { revision, value } = result.event;
      object.metadata.resourceVersion = String(revision);
      return { outcome: 'written', result: { object, value, revision } };
    }
  }
}

/** A dry run: what the write would answer. Revision 0 is that of an object that was never stored. */
function imagined(object: KubeObject, revision: number): WriteOutcome {
  const { head, tail } = encodeObject(object);
  const value = revision === 0 ? encodeUnstored(object) : `${head}${revision}${tail}`;
  return { outcome: 'written', result: { object, value, revision } };
}

export async function writeCreate(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  object: KubeObject,
  context: RequestContext,
): Promise<WriteOutcome> {
  const name = storeName(definition);
  const key = keyOf(object);
  definition.beforeStore?.(object);
  if (context.dryRun) {
    const current = await dependencies.store.get(name, key);
    return current === undefined ? imagined(object, 0) : { outcome: 'conflict', current };
  }
  const options = writeOptions(dependencies, definition, object, context);
  const result = await dependencies.store.create(name, key, encodeObject(object), options);
  return settle(dependencies, definition, undefined, object, context, result);
}

/** Replaces `before`, if it is still what is stored, by `object`. */
export async function writeUpdate(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  object: KubeObject,
  before: KubeObject,
  context: RequestContext,
): Promise<WriteOutcome> {
  const expectedRevision = Number(before.metadata.resourceVersion);
  definition.beforeStore?.(object);
  if (context.dryRun) return imagined(object, expectedRevision);
  const options = writeOptions(dependencies, definition, object, context);
  const value = encodeObject(object);
  const name = storeName(definition);
  const result = await dependencies.store.update(name, keyOf(object), expectedRevision, value, options);
  return settle(dependencies, definition, before, object, context, result);
}

/** Removes `before`, if it is still what is stored; `object` is the last state, as watchers see it go. */
export async function writeDelete(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  object: KubeObject,
  before: KubeObject,
  context: RequestContext,
): Promise<WriteOutcome> {
  const expectedRevision = Number(before.metadata.resourceVersion);
  if (context.dryRun) return imagined(object, expectedRevision);
  const options: WriteOptions = context.fence === undefined ? {} : { fence: context.fence };
  const value = encodeObject(object);
  const name = storeName(definition);
  const result = await dependencies.store.delete(name, keyOf(object), expectedRevision, value, options);
  return settle(dependencies, definition, before, object, context, result);
}
