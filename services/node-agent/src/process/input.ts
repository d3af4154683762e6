/** A source of bytes that can be read by the line: what is left over stays for whoever reads next. */

import type { ByteSource } from './process.ts';

/** A longer line is cut here, so that input without newlines cannot fill memory. */
export const LONGEST_LINE_BYTES = 1024 * 1024;

const NOTHING = new Uint8Array();

export interface InputLine {
  /** Without its delimiter. */
  text: string;
  /** Whether the delimiter was there; otherwise the input ended, or the line was cut. */
  terminated: boolean;
}

export class Input implements ByteSource {
  readonly #source: ByteSource;
  #rest: Uint8Array = NOTHING;

  private constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The same Input for the same source, so that two who share a file descriptor share what is left over. */
  static of(source: ByteSource): Input {
    return source instanceof Input ? source : new Input(source);
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#rest.length === 0) return this.#source.read();
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest;
  }

  /** Up to and with the next delimiter (by default a newline); undefined at the end. */
  async readLine(delimiter = 10): Promise<InputLine | undefined> {
    const parts: Uint8Array[] = [];
    let length = 0;
    while (length < LONGEST_LINE_BYTES) {
      const chunk = await this.read();
      if (chunk === undefined) {
        return length === 0 ? undefined : { text: decode(parts), terminated: false };
      }
      const at = chunk.indexOf(delimiter);
      if (at >= 0) {
        parts.push(chunk.subarray(0, at));
        this.#rest = chunk.subarray(at + 1);
        return { text: decode(parts), terminated: true };
      }
      parts.push(chunk);
      length += chunk.length;
    }
    return { text: decode(parts), terminated: false };
  }

  /** At most so many bytes; undefined at the end. */
  async readBytes(count: number): Promise<Uint8Array | undefined> {
    const chunk = await this.read();
    if (chunk === undefined || chunk.length <= count) return chunk;
    this.#rest = chunk.subarray(count);
    return chunk.subarray(0, count);
  }

  async *lines(): AsyncGenerator<string> {
    for (let line = await this.readLine(); line !== undefined; line = await this.readLine()) yield line.text;
  }
}

function decode(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('utf8');
}
