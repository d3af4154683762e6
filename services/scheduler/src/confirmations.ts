/**
 * Looks after assumed pods whose binding succeeded but has not come back as an event.
 * Upstream lets such assumptions stand; an assumption that merely expires would give the
 * room away while the pod sits there. So after a while the apiserver is asked.
 */

import type { Client } from '@orrery/client/client.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { locate } from './binding.ts';
import type { PodInfo } from './snapshot/pod-info.ts';

/** How long an event may take before somebody asks. */
const PATIENCE_MS = 30_000;
const SWEEP_PERIOD_MS = 5_000;

interface Expected {
  readonly info: PodInfo;
  readonly nodeName: string;
  checkAtMs: number;
}

export interface ConfirmationsOptions {
  client: Client;
  /** Real time: it is messages that are waited for. */
  clock: Clock;
  logger: Logger;
  isAssumed: (uid: string) => boolean;
  /** The pod is not where it was assumed to be. */
  onRefuted: (info: PodInfo) => void;
}

export class Confirmations {
  readonly #options: ConfirmationsOptions;
  readonly #expected = new Map<string, Expected>();
  readonly #timer: Timer;
  #sweeping = false;
  #closed = false;

  constructor(options: ConfirmationsOptions) {
    this.#options = options;
    this.#timer = options.clock.setInterval(() => void this.#sweep(), SWEEP_PERIOD_MS);
  }

  /** From now on an event is due that shows the pod on the node. */
  expect(info: PodInfo, nodeName: string): void {
    this.#expected.set(info.uid, { info, nodeName, checkAtMs: this.#options.clock.now() + PATIENCE_MS });
  }

  /** The pod was seen, or is gone. */
  settle(uid: string): void {
    this.#expected.delete(uid);
  }

  close(): void {
    this.#closed = true;
    this.#timer.cancel();
  }

  /** One at a time and in order of age: many at once means trouble that questions would add to. */
  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const { clock, isAssumed } = this.#options;
    for (const expected of this.#expected.values()) {
      if (this.#closed || expected.checkAtMs > clock.now()) break;
      this.#expected.delete(expected.info.uid);
      if (isAssumed(expected.info.uid)) await this.#check(expected);
    }
    this.#sweeping = false;
  }

  async #check({ info, nodeName }: Expected): Promise<void> {
    const { client, logger, isAssumed, onRefuted } = this.#options;
    try {
      const found = await locate(client, info);
      if (!isAssumed(info.uid)) return;
      if (typeof found === 'object' && found.nodeName === nodeName) {
        this.expect(info, nodeName);
        return;
      }
      logger.warn({ pod: info.key, nodeName, found }, 'an assumed pod is not on its node');
      onRefuted(info);
    } catch (error) {
      logger.debug({ pod: info.key, err: error }, 'an assumed pod could not be looked up');
      this.expect(info, nodeName);
    }
  }
}
