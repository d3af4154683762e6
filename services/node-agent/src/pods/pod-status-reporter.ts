/** The newest state of one pod that is known, and what is told of it (pkg/kubelet/status). */

import type { Pod, PodStatus } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { isFinished } from './status.ts';
import { passingConditions, statusIsCurrent } from './status-patch.ts';
import { StatusWriter } from './status-writer.ts';

export interface StatusReporterOptions {
  client: Pick<Client, 'patch'>;
  /** Real time: how long to wait before calling the apiserver again. */
  realClock: Clock;
  logger: Logger;
}

function revisionOf({ metadata }: Pod): number {
  return Number(metadata.resourceVersion);
}

export class PodStatusReporter {
  readonly #writer: StatusWriter;
  readonly #onNews: (before: Pod) => void;
  /** The newest state that is known, as the store has it. */
  #stored: Pod;
  /** The same, but an end that was once declared stays: no phase follows it. */
  #pod: Pod;
  /** Revision of the last own write that the informer has not shown yet; 0 when it has. */
  #ownRevision = 0;
  /** Conditions that the store has, or may have once what is under way arrives; absent without any. */
  #passing: Set<string> | undefined;
  /** A status that the store took but does not show: saying it again would change nothing. */
  #withheld: { status: PodStatus; revision: number } | undefined;

  /** `onNews` is told when a write returned another state of the pod than was known. */
  constructor(options: StatusReporterOptions, pod: Pod, onNews: (before: Pod) => void) {
    const { client, logger, realClock } = options;
    this.#writer = new StatusWriter(
      { client, logger, realClock, onWritten: (status, stored) => this.#written(status, stored) },
      pod.metadata,
    );
    this.#onNews = onNews;
    this.#stored = pod;
    this.#pod = pod;
  }

  /** The pod as it is known, ended if it was ever declared so. */
  get pod(): Pod {
    return this.#pod;
  }

  /** Whether the store knows that the pod has ended. */
  get isEndStored(): boolean {
    return isFinished(this.#stored);
  }

  /** The conditions last reported, for their transition times. */
  get conditions(): NonNullable<PodStatus['conditions']> {
    return this.#writer.unconfirmed?.conditions ?? this.#pod.status?.conditions ?? [];
  }

  /** The informer shows this state of the pod. Whether it is news. */
  see(pod: Pod): boolean {
    const revision = revisionOf(pod);
    // Older than what the last write returned: it is on its way here.
    if (revision < this.#ownRevision) return false;
    this.#ownRevision = 0;
    const isKnown = revision === revisionOf(this.#pod);
    this.#accept(pod);
    return !isKnown;
  }

  /** Writes this status, if it is news to the store. */
  report(status: PodStatus): void {
    const { unconfirmed } = this.#writer;
    const isNews = unconfirmed === undefined ? this.#isNews(status) : !jsonEqual(unconfirmed, status);
    if (isNews) this.#writer.write(status, this.#withdrawnBy(status));
  }

  /** The conditions that this status takes away: those that are stored, and those on their way there. */
  #withdrawnBy(status: PodStatus): readonly string[] {
    const present = [...passingConditions(this.#stored.status), ...passingConditions(status)];
    if (present.length > 0) this.#passing = new Set([...(this.#passing ?? []), ...present]);
    if (this.#passing === undefined) return [];
    const said = passingConditions(status);
    return [...this.#passing].filter((type) => !said.includes(type));
  }

  /** Resolves when the store has the newest status. */
  idle(): Promise<void> {
    return this.#writer.idle();
  }

  /** Nothing more is written. */
  stop(): void {
    this.#writer.stop();
  }

  /** A status that was under way while somebody declared the pod ended has overwritten that in the store. */
  #accept(stored: Pod): void {
    const isOverwritten = isFinished(this.#pod) && !isFinished(stored);
    const phase = this.#pod.status?.phase ?? '';
    this.#stored = stored;
    this.#pod = isOverwritten ? { ...stored, status: { ...stored.status, phase } } : stored;
  }

  #isNews(status: PodStatus): boolean {
    if (statusIsCurrent(this.#stored.status, status)) return false;
    const withheld = this.#withheld;
    return withheld?.revision !== revisionOf(this.#pod) || !jsonEqual(withheld.status, status);
  }

  #written(status: PodStatus, stored: Pod): void {
    const revision = revisionOf(stored);
    this.#withheld = statusIsCurrent(stored.status, status) ? undefined : { status, revision };
    if (revision <= revisionOf(this.#pod)) return;
    this.#ownRevision = revision;
    const before = this.#pod;
    this.#accept(stored);
    this.#onNews(before);
  }
}
