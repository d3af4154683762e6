/** The first bytes of what a probe or hook prints; what comes after them is not kept (pkg/probe/exec, maxReadLength). */

import type { ByteSink } from '../process/process.ts';

const MAX_BYTES = 10 * 1024;

export class OutputBuffer implements ByteSink {
  readonly #chunks: Uint8Array[] = [];
  #room = MAX_BYTES;

  write(data: Uint8Array | string): void {
    if (this.#room === 0) return;
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    // A copy: who writes may use its buffer again.
    const kept = Uint8Array.from(bytes.subarray(0, this.#room));
    this.#room -= kept.length;
    this.#chunks.push(kept);
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}
