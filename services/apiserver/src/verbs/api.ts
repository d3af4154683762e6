/**
 * The verbs of the API on stored objects, shared by REST and gRPC. Both speak in the stored
 * version; REST converts at its edge. Every method rejects with StatusError only.
 */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { Matcher } from '@orrery/api/selectors.ts';
import type { PartName, ResourceDefinition } from '../registry/definition.ts';
import type { Fence, Stored, StoreEvent } from '../store/store.ts';

/** What comes with a request besides its object. */
export interface RequestContext {
  /** One id through the logs. */
  traceId: string;
  user: { name: string; groups: readonly string[] };
  /** Everything runs but nothing is stored. */
  dryRun: boolean;
  /** Collects texts for Warning headers. */
  warnings: string[];
  fence?: Fence;
}

/** An object of the stored version, with its JSON (without kind and apiVersion). */
export interface StoredObject {
  object: KubeObject;
  value: string;
  revision: number;
}

export interface Selection {
  labels?: Matcher;
  /** Matches the object itself: compiled from a fieldSelector by `compileFieldSelector`. */
  fields?: (object: KubeObject) => boolean;
}

export interface ListOptions {
  namespace?: string;
  selection?: Selection;
  limit?: number;
  /** A page ends early once its values have so many bytes. */
  maxBytes?: number;
  continueToken?: string;
  /** The raw query parameters. */
  resourceVersion?: string;
  resourceVersionMatch?: string;
}

export interface ListResult {
  items: Stored[];
  revision: number;
  continueToken: string | undefined;
  /** Absent when selectors are used or nothing remains. */
  remainingItemCount: number | undefined;
}

export type DeleteOptions = {
  gracePeriodSeconds?: number;
  propagationPolicy?: string;
  orphanDependents?: boolean;
  preconditions?: { uid?: string; resourceVersion?: string };
};

export interface UpdateOptions {
  /** "" for the object itself. */
  subresource: '' | 'status' | 'finalize' | PartName;
}

/** `gone` when the deletion removed it; else it waits for grace or finalizers. */
export interface DeleteResult extends StoredObject {
  gone: boolean;
}

export interface WatchOptions {
  namespace?: string;
  /** Only this object. */
  name?: string;
  selection?: Selection;
  /** Raw query parameter: absent or "0" starts with synthetic ADDED events of the present state. */
  resourceVersion?: string;
  resourceVersionMatch?: string;
  sendInitialEvents?: boolean;
}

/** What a watcher is told: a change as the selection sees it. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  revision: number;
  /** JSON without kind and apiVersion. */
  value: string;
  /** The log entry behind it; absent for initial events. Same identity for all watchers, so encodings can be cached by it. */
  source: StoreEvent | undefined;
}

export interface Watcher {
  events(events: readonly WatchEvent[]): void;
  /** The initial state has been sent completely; it is exact at `revision`. Only with sendInitialEvents. */
  initialEventsEnd(revision: number): void;
  /** Whether the client has left: what is still being read for it is given up. */
  isGone?(): boolean;
  /** The watch cannot go on (the log no longer reaches back, rollback of the store): a StatusError, usually 410. */
  error(error: Error): void;
}

export interface WatchHandle {
  /** Everything up to this revision has been delivered: what a bookmark may say. */
  readonly revision: number;
  stop(): void;
}

export interface Api {
  /**
   * Reads the present state. `notOlderThan` is a resourceVersion that it has to have reached.
   * @throws StatusError 404; 400 and 504 for a revision that cannot be read or does not come.
   */
  get(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    notOlderThan?: string,
  ): Promise<Stored>;
  list(definition: ResourceDefinition, options: ListOptions): Promise<ListResult>;
  /** Takes ownership of `object` (it is changed). */
  create(
    definition: ResourceDefinition,
    namespace: string,
    object: KubeObject,
    context: RequestContext,
  ): Promise<StoredObject>;
  /** PUT. `created` when the kind creates on update. */
  update(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    object: KubeObject,
    options: UpdateOptions,
    context: RequestContext,
  ): Promise<StoredObject & { created: boolean }>;
  /**
   * Read, change, write, again on conflict (5 times): PATCH. `change` gets its own copy of the
   * current object and returns the new one; a resourceVersion in the result that differs from
   * the current one is a precondition (409).
   */
  modify(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    change: (current: KubeObject) => KubeObject,
    options: UpdateOptions,
    context: RequestContext,
  ): Promise<StoredObject>;
  delete(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    options: DeleteOptions,
    context: RequestContext,
  ): Promise<DeleteResult>;
  /** Deletes what the list selects; returns the objects as they were. */
  deleteCollection(
    definition: ResourceDefinition,
    list: ListOptions,
    options: DeleteOptions,
    context: RequestContext,
  ): Promise<ListResult>;
  bind(
    namespace: string,
    name: string,
    binding: { uid?: string; nodeName: string; annotations?: Record<string, string> },
    context: RequestContext,
  ): Promise<void>;
  /** Deletes a pod if it may be spared. @throws StatusError 404, 409, and 429 where a disruption budget is in the way. */
  evict(namespace: string, name: string, options: DeleteOptions, context: RequestContext): Promise<void>;
  /** Checks the options (422, 504), then delivers; the first events may come before it resolves. */
  watch(definition: ResourceDefinition, options: WatchOptions, watcher: Watcher): Promise<WatchHandle>;
  /** @throws StatusError 400 for fields that the resource does not support. */
  compileFieldSelector(
    definition: ResourceDefinition,
    text: string,
  ): ((object: KubeObject) => boolean) | undefined;
}
