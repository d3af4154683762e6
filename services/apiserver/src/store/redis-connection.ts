/**
 * The connection to Redis: comes back for ever, lets nothing through before the store has
 * been checked, and never repeats a command whose outcome is unknown.
 */

import { Redis } from 'ioredis';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { SCRIPTS } from './scripts.ts';
import { StoreUnavailableError } from './store.ts';

/** How long a call waits for a connection. */
const CONNECT_WAIT_MS = 2_000;
/** A Redis that owes an answer for so long is taken for dead (it may be stopped). */
const SILENCE_LIMIT_MS = 5_000;
const RECONNECT_DELAY_MS = 50;
/** Pause before the check is tried again, while Redis loads its data. */
const CHECK_RETRY_MS = 20;
/** Pause when the check fails for another reason, such as a full disk. */
const CHECK_FAILED_RETRY_MS = 250;
/** Calls waiting and in flight together; more are refused at once. */
const CALL_LIMIT = 20_000;

/** What Redis says when it cannot serve now and has not run the command. */
const REFUSALS = /^(LOADING|BUSY|OOM|MISCONF|READONLY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN)\b/;

export interface RedisConnectionOptions {
  url: string;
  /** Real time. */
  clock: Clock;
  logger: Logger;
  /**
   * Runs on every connection before any other command; what it throws ends in another try.
   * Commands go to `redis` directly.
   */
  check: (redis: Redis) => Promise<void>;
}

export interface CallOptions {
  /** The command changes nothing: it may be sent again after a broken connection. */
  readOnly: boolean;
}

export class RedisConnection {
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #check: (redis: Redis) => Promise<void>;
  /** Counts connections and checks, so that a late end of an old one is told apart. */
  #attempt = 0;
  #checked = false;
  #closed = false;
  #everConnected = false;
  #corked = false;
  #calls = 0;
  readonly #waiting = new Set<(ready: boolean) => void>();

  constructor({ url, clock, logger, check }: RedisConnectionOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#check = check;
    this.#redis = new Redis(url, {
      protocol: 2,
      disableClientInfo: true,
      // The check below does what the ready check would, and knows when loading has ended
      // to 20 ms instead of a second.
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      socketTimeout: SILENCE_LIMIT_MS,
      connectTimeout: CONNECT_WAIT_MS,
      retryStrategy: () => RECONNECT_DELAY_MS,
    });
    this.#redis.on('ready', () => void this.#runCheck());
    this.#redis.on('close', () => this.#lost());
    this.#redis.on('error', (error) => logger.debug({ err: error }, 'redis connection error'));
  }

  /** True while commands go through. */
  get available(): boolean {
    return this.#checked && this.#redis.status === 'ready' && this.#redis.stream.writable;
  }

  /**
   * Sends one command as soon as there is a connection. When the connection breaks before
   * the answer the outcome is unknown: writes reject, reads are sent again once unless that
   * took long. Rejects with StoreUnavailableError, or with Redis' own error when the command
   * is wrong.
   */
  async call<T>(send: (redis: Redis) => Promise<T>, { readOnly }: CallOptions): Promise<T> {
    if (this.#calls >= CALL_LIMIT) {
      throw new StoreUnavailableError('too many calls are waiting for the store');
    }
    this.#calls += 1;
    const sinceMs = this.#clock.now();
    try {
      for (let attempt = 0; ; attempt += 1) {
        if (!this.available) await this.#whenAvailable();
        try {
          this.#cork();
          return await send(this.#redis);
        } catch (error) {
          const again = readOnly && attempt === 0 && this.#clock.now() - sinceMs < CONNECT_WAIT_MS;
          await this.#explain(error, attempt, again);
        }
      }
    } finally {
      this.#calls -= 1;
    }
  }

  /** The store is not what it was: holds back all calls until it has been checked again. */
  recheck(): void {
    if (!this.#checked) return;
    this.#checked = false;
    void this.#runCheck();
  }

  close(): void {
    this.#closed = true;
    this.#lost();
    this.#redis.disconnect();
  }

  /** Returns when the command may be sent again; else throws what the caller is to know. */
  async #explain(failure: unknown, attempt: number, mayRepeat: boolean): Promise<void> {
    const message = failure instanceof Error ? failure.message : String(failure);
    if (!isReply(failure)) {
      if (mayRepeat && !this.#closed) return;
      throw new StoreUnavailableError(`the store did not answer: ${message}`, failure);
    }
    // Somebody flushed the scripts: this one did not run.
    if (message.startsWith('NOSCRIPT') && attempt === 0) {
      await loadScripts(this.#redis).catch(() => undefined);
      return;
    }
    if (REFUSALS.test(message)) throw new StoreUnavailableError(`the store refuses: ${message}`, failure);
    throw failure;
  }

  /** Lets all commands of one turn of the event loop leave in one system call. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    const { stream } = this.#redis;
    stream.cork();
    setImmediate(() => {
      this.#corked = false;
      stream.uncork();
    });
  }

  async #runCheck(): Promise<void> {
    const attempt = (this.#attempt += 1);
    while (attempt === this.#attempt && !this.#closed && this.#redis.status === 'ready') {
      try {
        await loadScripts(this.#redis);
        await this.#check(this.#redis);
        if (attempt === this.#attempt) this.#opened();
        return;
      } catch (error) {
        const loading = isReply(error) && (error as Error).message.startsWith('LOADING');
        if (isReply(error) && !loading) this.#logger.warn({ err: error }, 'store check refused');
        await this.#clock.sleep(loading ? CHECK_RETRY_MS : CHECK_FAILED_RETRY_MS);
      }
    }
  }

  #opened(): void {
    this.#checked = true;
    this.#everConnected = true;
    this.#logger.info('store connected');
    this.#release(true);
  }

  #lost(): void {
    this.#attempt += 1;
    if (this.#checked && !this.#closed) this.#logger.warn('store connection lost');
    this.#checked = false;
    if (this.#closed) this.#release(false);
  }

  #release(ready: boolean): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const each of waiting) each(ready);
  }

  async #whenAvailable(): Promise<void> {
    const ready =
      !this.#closed &&
      (await new Promise<boolean>((resolve) => {
        const settle = (value: boolean): void => {
          timer.cancel();
          this.#waiting.delete(settle);
          resolve(value);
        };
        const timer = this.#clock.setTimeout(() => settle(false), CONNECT_WAIT_MS);
        this.#waiting.add(settle);
      }));
    if (ready) return;
    const why = this.#closed ? 'closed' : this.#everConnected ? 'away' : 'not reached yet';
    throw new StoreUnavailableError(`the store is ${why}`);
  }
}

async function loadScripts(redis: Redis): Promise<void> {
  await Promise.all(Object.values(SCRIPTS).map(({ source }) => redis.script('LOAD', source)));
}

/** Redis answered with an error, so the connection is sound. */
function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
