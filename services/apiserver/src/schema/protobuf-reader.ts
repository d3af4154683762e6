/** Reads the protobuf wire format (https://protobuf.dev/programming-guides/encoding/), with bounds checked. */

/** Wire types that occur in Kubernetes' messages, and the one fixed-size form that unknown fields may have besides. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const TWO_TO_32 = 0x1_0000_0000;
const MAX_VARINT_BYTES = 10;

/** The input ends in the middle of a value, or is not protobuf at all. */
export class MalformedProtobuf extends Error {
  override readonly name = 'MalformedProtobuf';
}

/** A cursor over one message. All methods throw MalformedProtobuf. */
export class ProtobufReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The next field's number and wire type. */
  tag(): { number: number; wireType: number } {
    const tag = this.#low32();
    const number = tag >>> 3;
    if (number === 0) {
      throw new MalformedProtobuf(`proto: illegal tag ${number} (wire type ${tag & 7})`);
    }
    return { number, wireType: tag & 7 };
  }

  bool(): boolean {
    return this.int64() !== 0;
  }

  /** Negative numbers come as ten bytes, extended to 64 bits. */
  int32(): number {
    return this.#low32() | 0;
  }

  /** Exact up to 2^53, as any number in JavaScript. */
  int64(): number {
    let low = 0;
    let high = 0;
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (index < 4) {
        low |= bits << (7 * index);
      } else if (index === 4) {
        low |= bits << 28;
        high |= bits >> 4;
      } else {
        high |= bits << (7 * index - 32);
      }
      if (byte < 0x80) {
        return (high | 0) * TWO_TO_32 + (low >>> 0);
      }
    }
    throw new MalformedProtobuf('proto: integer overflow');
  }

  string(): string {
    const length = this.#length();
    const start = this.#at;
    this.#at += length;
    return this.#bytes.toString('utf8', start, this.#at);
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    const length = this.#length();
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** A reader of the embedded message that comes next. */
  message(): ProtobufReader {
    const length = this.#length();
    const start = this.#at;
    this.#at += length;
    return new ProtobufReader(this.#bytes, start, this.#at);
  }

  /** Passes over a field that the caller does not know. */
  skip(wireType: number): void {
    switch (wireType) {
      case WIRE.varint:
        this.int64();
        return;
      case WIRE.fixed64:
        this.#advance(8);
        return;
      case WIRE.bytes:
        this.#advance(this.#length());
        return;
      case WIRE.fixed32:
        this.#advance(4);
        return;
      default:
        throw new MalformedProtobuf(`proto: illegal wireType ${wireType}`);
    }
  }

  #low32(): number {
    const value = this.int64();
    return value | 0;
  }

  #length(): number {
    const length = this.int64();
    if (length < 0 || length > this.#end - this.#at) {
      throw new MalformedProtobuf('unexpected EOF');
    }
    return length;
  }

  #advance(count: number): void {
    if (count > this.#end - this.#at) {
      throw new MalformedProtobuf('unexpected EOF');
    }
    this.#at += count;
  }

  #byte(): number {
    const byte = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (byte === undefined) {
      throw new MalformedProtobuf('unexpected EOF');
    }
    this.#at++;
    return byte;
  }
}
