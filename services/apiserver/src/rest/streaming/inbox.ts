/** What a client sends, until it is passed on. */

export interface InboxOptions {
  /** Told when too much waits, and when there is room again. */
  hold: () => void;
  release: () => void;
}

/** A client that is ahead by so much is held back. */
const MAX_WAITING_BYTES = 128 * 1024;

export class Inbox<T> {
  readonly #options: InboxOptions;
  readonly #waiting: { item: T; bytes: number }[] = [];
  #bytes = 0;
  #isHeld = false;
  #isOver = false;
  #more: PromiseWithResolvers<void> | undefined;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  put(item: T, bytes: number): void {
    if (this.#isOver) return;
    this.#waiting.push({ item, bytes });
    this.#bytes += bytes;
    this.#more?.resolve();
    if (this.#isHeld || this.#bytes <= MAX_WAITING_BYTES) return;
    this.#isHeld = true;
    this.#options.hold();
  }

  /** Nothing more comes. */
  end(): void {
    this.#isOver = true;
    this.#more?.resolve();
  }

  /** The next; undefined at the end. One taker at a time. */
  async take(): Promise<T | undefined> {
    while (this.#waiting.length === 0 && !this.#isOver) {
      this.#more ??= Promise.withResolvers();
      await this.#more.promise;
      this.#more = undefined;
    }
    const next = this.#waiting.shift();
    this.#bytes -= next?.bytes ?? 0;
    if (this.#isHeld && this.#bytes <= MAX_WAITING_BYTES / 2) {
      this.#isHeld = false;
      this.#options.release();
    }
    return next?.item;
  }
}
