/** Removes objects whose time has come (Kubernetes keeps Events for an hour: `--event-ttl`). */

import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { newUid } from '@orrery/kit/random.ts';
import type { EventFeed } from '../watch/feed.ts';
import { type Expired, type Store, StoreUnavailableError, type ValueWithGap } from './store.ts';

const SWEEP_PERIOD_MS = 30_000;
/** Objects removed together. */
const BATCH = 100;
/** Objects removed in one sweep: the rest waits for the next one. */
const SWEEP_LIMIT = 5_000;

export interface ExpirySweeperOptions {
  store: Store;
  /** The cluster's clock, on which objects expire. */
  clock: Clock;
  /** Told of every deletion. */
  feed: Pick<EventFeed, 'written'>;
  logger: Logger;
}

export interface ExpirySweeper {
  /** Resolves when a sweep under way has ended. */
  stop(): Promise<void>;
}

/**
 * Sweeps every 30 s of the cluster's clock. Any number of replicas may do so: a deletion is
 * conditional on the revision that had expired, so one of them does it, and an object written
 * again in the meantime stays.
 */
export function createExpirySweeper({ store, clock, feed, logger }: ExpirySweeperOptions): ExpirySweeper {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  const remove = async ({ resource, key, revision, value }: Expired): Promise<boolean> => {
    const result = await store.delete(resource, key, revision, gapAtRevision(value));
    if (result.outcome === 'written') feed.written(result.event);
    return result.outcome === 'written';
  };

  const sweep = async (): Promise<void> => {
    try {
      for (let removed = 0; removed < SWEEP_LIMIT && !stopping.signal.aborted;) {
        const expired = await store.expired(clock.now(), BATCH);
        const gone = (await Promise.all(expired.map(remove))).filter(Boolean).length;
        removed += gone;
        if (expired.length < BATCH || gone === 0) return;
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError))
        logger.error({ err: error }, 'removing expired objects failed');
    }
  };

  const timer = clock.setInterval(() => {
    running ??= sweep().finally(() => (running = undefined));
  }, SWEEP_PERIOD_MS);
  return {
    stop: async () => {
      stopping.abort();
      timer.cancel();
      await running;
    },
  };
}

/** The object again, with a gap in place of its resourceVersion. */
function gapAtRevision(value: string): ValueWithGap {
  const object = JSON.parse(value) as { metadata: { resourceVersion: string } };
  // Text that cannot stand anywhere else in the object.
  const mark = newUid();
  object.metadata.resourceVersion = mark;
  const text = JSON.stringify(object);
  const at = text.indexOf(mark);
  return { head: text.slice(0, at), tail: text.slice(at + mark.length) };
}
