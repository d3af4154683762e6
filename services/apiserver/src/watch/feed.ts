/** What the verbs need of the event hub; hub.ts implements it. */

import type { ResourceName, StoreEvent } from '../store/store.ts';

export interface FeedListener {
  /**
   * Events of the resource, in order, without gap, each once. The array is shared by all
   * listeners. In an event that another replica wrote, `before` may be missing when nothing
   * that a selector can see has changed. Must not throw.
   */
  events(events: readonly StoreEvent[]): void;
  /** Whether nobody is interested any more: reading the log for it ends early then. */
  isGone?(): boolean;
  /** The sequence cannot go on from here: the log was compacted, or the store rolled back. Nothing follows. */
  lost(): void;
}

export interface FeedSubscription {
  /**
   * Everything of this resource up to this revision has been delivered. Grows with the
   * store even while the resource does not change: what a bookmark may say.
   */
  readonly revision: number;
  stop(): void;
}

export interface EventFeed {
  /**
   * Told of every write of this process, after the store acknowledged it. `before` may be left
   * out where nothing that a selector can see has changed.
   */
  written(event: StoreEvent): void;
  /**
   * Delivers every event of the resource after `afterRevision`: first from memory or the log
   * (before this resolves), then live. Rejects with CompactedError when the log does not reach
   * back so far, with StoreUnavailableError when it is needed and cannot be read.
   */
  subscribe(resource: ResourceName, afterRevision: number, listener: FeedListener): Promise<FeedSubscription>;
}
