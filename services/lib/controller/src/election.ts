/**
 * Leader election through a Lease (k8s.io/client-go/tools/leaderelection), with what
 * upstream does not promise: an epoch that fences the writes of a leader of the past.
 *
 * The epoch is `spec.leaseTransitions`. It grows with every acquisition, also when a
 * replica takes over from its own dead predecessor, so that no two terms share one. The uid of
 * the Lease goes with it: a Lease that somebody deletes is made anew and counts anew.
 */

import type { Lease } from '@orrery/api/gen/types.ts';
import { formatMicroTime, splitKey } from '@orrery/api/meta.ts';
import { Leases } from '@orrery/api/resources.ts';
import { isAlreadyExists, isConflict, isNotFound } from '@orrery/api/status-error.ts';
import type { Client, FenceToken, ObjectName } from '@orrery/client/client.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';

export interface ElectionOptions {
  /** Not fenced: the election is what fences. */
  client: Pick<Client, 'get' | 'create' | 'update'>;
  /** namespace/name of the Lease. */
  lease: string;
  /** Name of this replica, the same after a restart. No two living processes may share it. */
  identity: string;
  /** Real time: leases outlive no speed-up of the cluster's clock. */
  clock: Clock;
  logger: Logger;
  /** A holder that was not seen to renew for so long is taken to be gone. */
  leaseDurationMs?: number;
  /** A leader that could not renew for so long stops; less than the lease lasts. */
  renewDeadlineMs?: number;
  /** How often a leader renews. */
  renewMs?: number;
  /** How often others look. */
  retryMs?: number;
  /**
   * Leads until `signal` aborts; the next term begins after the promise of this one settled.
   * To end it earlier with a rejection gives the lead away.
   */
  onStartedLeading: (signal: AbortSignal, epoch: number) => Promise<void> | void;
  onStoppedLeading?: () => void;
}

export interface Election {
  /** Takes part until stopped. Resolves when it has left, the Lease given back if it was held. */
  run(): Promise<void>;
  /** Stops leading, waits for the work to end, and gives the Lease back for others to take at once. */
  stop(): Promise<void>;
  /** Proof of the present term; undefined when this replica does not lead or its lease may be over. */
  readonly fence: () => FenceToken | undefined;
  /** A write was refused as fenced: somebody else leads. */
  readonly deposed: () => void;
  readonly leading: boolean;
}

export function createElection(options: ElectionOptions): Election {
  return new LeaseElection(options);
}

/** What this replica saw last, and when by its own clock: the times in the Lease are others'. */
interface Observation {
  readonly record: string;
  readonly atMs: number;
}

interface Term {
  readonly uid: string;
  readonly epoch: number;
  readonly abort: AbortController;
  /** Somebody else leads, or may: not a write more. Else what is in flight may end in good order. */
  lost: boolean;
  lease: Lease;
  /** When the last successful renewal was asked for. */
  renewedAtMs: number;
}

type Spec = Lease['spec'];

class LeaseElection implements Election {
  readonly #options: Required<Omit<ElectionOptions, 'onStoppedLeading'>> &
    Pick<ElectionOptions, 'onStoppedLeading'>;
  readonly #name: ObjectName;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #observed: Observation | undefined;
  #term: Term | undefined;
  /** The last own term; undefined in a process that has not led. */
  #last: Pick<Term, 'uid' | 'epoch'> | undefined;

  constructor(options: ElectionOptions) {
    this.#options = {
      leaseDurationMs: 15_000,
      renewDeadlineMs: 10_000,
      renewMs: 2_000,
      retryMs: 250,
      ...options,
    };
    this.#name = splitKey(options.lease);
  }

  get leading(): boolean {
    return this.fence() !== undefined;
  }

  readonly fence = (): FenceToken | undefined => {
    const term = this.#term;
    if (term === undefined) return undefined;
    // A process that was frozen notices here, before its timers had a chance to run.
    if (this.#options.clock.now() - term.renewedAtMs >= this.#options.leaseDurationMs) lose(term);
    const { uid, epoch, lost } = term;
    return lost ? undefined : { lease: this.#options.lease, uid, epoch };
  };

  readonly deposed = (): void => {
    if (this.#term !== undefined) lose(this.#term);
  };

  run(): Promise<void> {
    this.#running ??= this.#takePart();
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#term?.abort.abort();
    await this.#running;
  }

  async #takePart(): Promise<void> {
    const { clock, retryMs, logger, lease } = this.#options;
    const { signal } = this.#stopping;
    let told = false;
    while (!signal.aborted) {
      try {
        const term = await this.#tryAcquire();
        told = false;
        if (term !== undefined) await this.#lead(term);
      } catch (error) {
        if (!told) logger.warn({ err: error, lease }, 'cannot acquire the lease yet');
        told = true;
      }
      await clock.sleep(retryMs, signal);
    }
  }

  async #tryAcquire(): Promise<Term | undefined> {
    const { client, clock } = this.#options;
    const askedAtMs = clock.now();
    try {
      const lease = await this.#read();
      if (lease === undefined) {
        const spec = this.#claim((this.#last?.epoch ?? -1) + 1, askedAtMs);
        return newTerm(await client.create(Leases, { metadata: this.#name, spec }), askedAtMs);
      }
      if (!this.#mayTake(lease, clock.now())) return undefined;
      const spec = { ...lease.spec, ...this.#claim((lease.spec.leaseTransitions ?? 0) + 1, askedAtMs) };
      return newTerm(await client.update(Leases, { ...lease, spec }), askedAtMs);
    } catch (error) {
      // Somebody else was quicker.
      if (isConflict(error) || isAlreadyExists(error)) return undefined;
      throw error;
    }
  }

  async #read(): Promise<Lease | undefined> {
    try {
      return await this.#options.client.get(Leases, this.#name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Free, over, or left by a process of the same name that is dead (or this one, undisturbed). */
  #mayTake(lease: Lease, nowMs: number): boolean {
    const { holderIdentity = '', renewTime, leaseTransitions = 0 } = lease.spec;
    if (holderIdentity === '') return true;
    if (holderIdentity === this.#options.identity) {
      // A process that led before and finds its name with another epoch was replaced while it
      // was frozen: its replacement lives and counts as somebody else.
      if (this.#last === undefined || isTerm(lease, this.#last)) return true;
    }
    const record = JSON.stringify([holderIdentity, renewTime, leaseTransitions]);
    if (this.#observed?.record !== record) this.#observed = { record, atMs: nowMs };
    return nowMs - this.#observed.atMs >= this.#options.leaseDurationMs;
  }

  #claim(leaseTransitions: number, nowMs: number): Spec {
    const { identity, leaseDurationMs } = this.#options;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(leaseDurationMs / 1_000)),
      acquireTime: formatMicroTime(nowMs),
      renewTime: formatMicroTime(nowMs),
      leaseTransitions,
    };
  }

  async #lead(term: Term): Promise<void> {
    const { logger, lease, onStartedLeading, onStoppedLeading } = this.#options;
    const { signal } = term.abort;
    this.#term = term;
    this.#last = term;
    if (this.#stopping.signal.aborted) term.abort.abort();
    logger.info({ lease, epoch: term.epoch }, 'leading');
    const work = async (): Promise<void> => onStartedLeading(signal, term.epoch);
    try {
      const working = work().catch((error: unknown) => {
        logger.error({ err: error, lease }, 'leading failed');
        term.abort.abort();
      });
      await this.#renewUntilAborted(term);
      await working;
    } finally {
      term.abort.abort();
      this.#term = undefined;
      onStoppedLeading?.();
      logger.info({ lease, epoch: term.epoch }, 'no longer leading');
    }
    if (!term.lost) await this.#release(term);
  }

  async #renewUntilAborted(term: Term): Promise<void> {
    const { clock, renewMs, retryMs, renewDeadlineMs } = this.#options;
    const { signal } = term.abort;
    // A renewal that hangs must not keep a leader beyond its deadline.
    let watchdog = this.#watchdog(term, renewDeadlineMs);
    for (let delayMs = renewMs; ;) {
      await clock.sleep(delayMs, signal);
      if (signal.aborted) break;
      const renewed = await this.#renew(term);
      delayMs = renewed ? renewMs : retryMs;
      if (!renewed) continue;
      watchdog.cancel();
      watchdog = this.#watchdog(term, term.renewedAtMs + renewDeadlineMs - clock.now());
    }
    watchdog.cancel();
  }

  #watchdog(term: Term, delayMs: number): Timer {
    const { clock, logger, lease } = this.#options;
    return clock.setTimeout(() => {
      logger.warn({ lease }, 'could not renew the lease in time');
      term.abort.abort();
    }, delayMs);
  }

  /** False: try again soon. Ends the term when the Lease has gone to somebody else. */
  async #renew(term: Term): Promise<boolean> {
    const { client, clock, logger } = this.#options;
    const askedAtMs = clock.now();
    try {
      const spec = { ...term.lease.spec, renewTime: formatMicroTime(askedAtMs) };
      term.lease = await client.update(Leases, { ...term.lease, spec });
      term.renewedAtMs = askedAtMs;
      return true;
    } catch (error) {
      if (isNotFound(error)) lose(term);
      else if (isConflict(error)) await this.#look(term);
      else logger.debug({ err: error }, 'renewal failed');
      return false;
    }
  }

  /** After a conflict: an own renewal whose answer was lost, or another holder. */
  async #look(term: Term): Promise<void> {
    try {
      const lease = await this.#read();
      const isOwn = lease?.spec.holderIdentity === this.#options.identity && isTerm(lease, term);
      if (isOwn) term.lease = lease;
      else lose(term);
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'cannot read the lease');
    }
  }

  /** Best effort: whoever waits takes over at once instead of after the lease. */
  async #release(term: Term): Promise<void> {
    const { client, clock, logger } = this.#options;
    const spec = { ...term.lease.spec, holderIdentity: '', renewTime: formatMicroTime(clock.now()) };
    try {
      await client.update(Leases, { ...term.lease, spec });
    } catch (error) {
      logger.debug({ err: error }, 'lease not released');
    }
  }
}

/** Whether the Lease is as the term found it, but for renewals. */
function isTerm({ metadata, spec }: Lease, { uid, epoch }: Pick<Term, 'uid' | 'epoch'>): boolean {
  return metadata.uid === uid && (spec.leaseTransitions ?? 0) === epoch;
}

function newTerm(lease: Lease, renewedAtMs: number): Term {
  return {
    uid: lease.metadata.uid,
    epoch: lease.spec.leaseTransitions ?? 0,
    abort: new AbortController(),
    lost: false,
    lease,
    renewedAtMs,
  };
}

function lose(term: Term): void {
  term.lost = true;
  term.abort.abort();
}
