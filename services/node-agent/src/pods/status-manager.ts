/** Sends pod statuses: only the newest of each pod, one write per pod in flight (kubelet's status manager). */

import type { Pod, PodStatus } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import { isConflict, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';

interface Entry {
  pod: Pod;
  wanted: PodStatus | undefined;
  sending: boolean;
  attempt: number;
}

const RETRY = { initialMs: 100, maxMs: 5_000 };

export class StatusManager {
  readonly #client: Client;
  readonly #logger: Logger;
  readonly #entries = new Map<string, Entry>();
  #stopped = false;

  constructor(client: Client, logger: Logger) {
    this.#client = client;
    this.#logger = logger;
  }

  /** True while a status of this pod is on its way: what is stored is not the last word. */
  isSending(uid: string): boolean {
    return this.#entries.get(uid)?.sending === true;
  }

  /** Sends this status, soon; a newer one replaces it while it waits. */
  set(pod: Pod, status: PodStatus): void {
    const entry = this.#entries.get(pod.metadata.uid) ?? {
      pod,
      wanted: undefined,
      sending: false,
      attempt: 0,
    };
    entry.pod = pod;
    entry.wanted = status;
    this.#entries.set(pod.metadata.uid, entry);
    if (!entry.sending) void this.#send(entry);
  }

  /** The pod is gone: nothing more is sent. */
  forget(uid: string): void {
    this.#entries.delete(uid);
  }

  stop(): void {
    this.#stopped = true;
    this.#entries.clear();
  }

  async #send(entry: Entry): Promise<void> {
    const { uid, namespace, name } = entry.pod.metadata;
    entry.sending = true;
    while (entry.wanted !== undefined && this.#entries.get(uid) === entry && !this.#stopped) {
      const status = entry.wanted;
      entry.wanted = undefined;
      try {
        await this.#client.patch(
          Pods,
          { namespace, name },
          'strategic',
          { metadata: { uid }, status },
          'status',
        );
        entry.attempt = 0;
      } catch (error) {
        if (isNotFound(error) || (isConflict(error) && error.message.includes('UID'))) {
          this.forget(uid);
          return;
        }
        this.#logger.debug({ err: error, pod: `${namespace}/${name}` }, 'status write failed, trying again');
        entry.wanted ??= status;
        await systemClock.sleep(backoffDelay(entry.attempt, RETRY));
        entry.attempt += 1;
      }
    }
    entry.sending = false;
  }
}
