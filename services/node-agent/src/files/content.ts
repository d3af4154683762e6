/** The content of one file: a buffer with room to grow, so that appending costs what is appended. */

const NOTHING = new Uint8Array(0);

export class Content {
  #buffer: Uint8Array;
  #size: number;

  constructor(data: Uint8Array) {
    this.#buffer = data.length === 0 ? NOTHING : Uint8Array.from(data);
    this.#size = data.length;
  }

  get sizeBytes(): number {
    return this.#size;
  }

  /** The bytes as they are now; what is appended later does not show in them. */
  read(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  append(data: Uint8Array): void {
    const size = this.#size + data.length;
    if (size > this.#buffer.length) {
      // Half as much again: a factor above one makes appending O(1) amortised.
      const grown = new Uint8Array(Math.max(size, Math.ceil(this.#buffer.length * 1.5)));
      grown.set(this.read());
      this.#buffer = grown;
    }
    this.#buffer.set(data, this.#size);
    this.#size = size;
  }
}
