/** Writes the statuses of one pod: only the newest, one write in flight (kubelet's status manager). */

import type { Pod, PodStatus } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import { isConflict, isNotFound, isStatusError } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { statusPatch } from './status-patch.ts';

export interface StatusWriterOptions {
  client: Pick<Client, 'patch'>;
  logger: Logger;
  /** Real time: how long to wait before trying again. */
  realClock: Clock;
  /** Told that the store took a status, with the pod as it is stored now. */
  onWritten: (status: PodStatus, stored: Pod) => void;
}

/** While the apiserver is away, each pod that has something to say asks this often. */
const RETRY = { initialMs: 100, maxMs: 5_000 } as const;

const NONE: readonly string[] = [];

type Name = Pick<Pod['metadata'], 'namespace' | 'name' | 'uid'>;

/** Whether a write failed since the pod that was meant no longer exists; another may have its name. */
export function isGone(error: unknown): boolean {
  return isNotFound(error) || (isConflict(error) && error.message.includes('UID'));
}

/** Whether the apiserver will never take it. */
function isRefused(error: unknown): boolean {
  return (
    isStatusError(error, 'Invalid') || isStatusError(error, 'BadRequest') || isStatusError(error, 'Forbidden')
  );
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #pod: Name;
  /** The newest status, until the store has it. */
  #wanted: PodStatus | undefined;
  /** The conditions that it takes away. */
  #withdrawn: readonly string[] = NONE;
  #sending = false;
  #attempt = 0;
  #retry: Timer | undefined;
  #stopped = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: StatusWriterOptions, { namespace, name, uid }: Name) {
    this.#options = options;
    this.#pod = { namespace, name, uid };
  }

  /** The newest status that is not known to be stored. */
  get unconfirmed(): PodStatus | undefined {
    return this.#wanted;
  }

  /** Writes this status soon, and takes conditions away; a newer one replaces it while it waits. */
  write(status: PodStatus, withdrawn: readonly string[] = NONE): void {
    if (this.#stopped) return;
    this.#wanted = status;
    this.#withdrawn = withdrawn;
    if (!this.#sending && this.#retry === undefined) void this.#send();
  }

  /** Resolves when nothing waits to be written any more. */
  idle(): Promise<void> {
    if (this.#wanted === undefined) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** The pod is gone: nothing more is written. */
  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#settle();
  }

  #settle(): void {
    this.#wanted = undefined;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  async #send(): Promise<void> {
    const { client, onWritten } = this.#options;
    const { namespace, name, uid } = this.#pod;
    this.#sending = true;
    for (
      let status = this.#wanted;
      status !== undefined && this.#retry === undefined;
      status = this.#wanted
    ) {
      try {
        const stored = await client.patch(
          Pods,
          { namespace, name },
          'strategic',
          statusPatch(uid, status, this.#withdrawn),
          'status',
        );
        if (this.#stopped) break;
        this.#attempt = 0;
        if (this.#wanted === status) this.#wanted = undefined;
        onWritten(status, stored);
      } catch (error) {
        this.#failed(status, error);
      }
    }
    this.#sending = false;
    if (this.#wanted === undefined) this.#settle();
  }

  #failed(status: PodStatus, error: unknown): void {
    const { logger, realClock } = this.#options;
    const pod = `${this.#pod.namespace}/${this.#pod.name}`;
    if (this.#stopped) return;
    if (isGone(error)) {
      this.stop();
    } else if (isRefused(error)) {
      logger.warn({ err: error, pod }, 'status refused');
      if (this.#wanted === status) this.#wanted = undefined;
    } else {
      logger.debug({ err: error, pod }, 'status not written yet');
      const delayMs = backoffDelay(this.#attempt, RETRY);
      this.#attempt += 1;
      this.#retry = realClock.setTimeout(() => {
        this.#retry = undefined;
        void this.#send();
      }, delayMs);
    }
  }
}
