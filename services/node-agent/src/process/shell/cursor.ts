/**
 * Where the main line of a script stands: the way from the script down to the command that runs,
 * one step per list, loop, condition and call. A shell that begins with a saved way takes the same
 * steps without running what lies before them.
 */

/** The words of a `for` loop and the index of the one in hand. */
export interface ForStep {
  words: string[];
  index: number;
}

/** The call of a function. */
export interface CallStep {
  call: string[];
}

/** Of a list the index of the statement, of a condition or loop the number of the branch. */
export type Step = number | ForStep | CallStep;

export class Cursor {
  readonly #way: Step[] = [];
  #ahead: Step[];
  #child: unknown;

  /** `child` is where the command at the end of the way stands. */
  constructor(ahead: readonly Step[] = [], child?: unknown) {
    this.#ahead = [...ahead];
    this.#child = child;
  }

  /** Whether steps are still taken that were taken before. */
  get returning(): boolean {
    return this.#ahead.length > 0;
  }

  /** Goes down one level: to where it was before, or to `first`. */
  enter<S extends Step>(first: S): S {
    const step = (this.#ahead.shift() as S | undefined) ?? first;
    this.#way.push(step);
    return step;
  }

  /** The next step that was taken before, if it is a call. */
  peekCall(): CallStep | undefined {
    const next = this.#ahead[0];
    return typeof next === 'object' && 'call' in next ? next : undefined;
  }

  move(step: Step): void {
    this.#way[this.#way.length - 1] = step;
  }

  leave(): void {
    this.#way.pop();
    // A way that no longer fits the script must not lead elsewhere.
    this.#ahead = [];
  }

  /** Once, at the end of the way. */
  takeChild(): unknown {
    const child = this.#ahead.length === 0 ? this.#child : undefined;
    this.#child = undefined;
    return child;
  }

  way(): Step[] {
    return [...this.#way];
  }
}
