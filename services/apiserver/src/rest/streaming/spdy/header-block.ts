/**
 * Header blocks of SPDY/3.1 (section 2.6.10): name-value pairs with length prefixes, compressed by
 * zlib with one context over the whole connection and a dictionary that both sides know.
 */

import { constants, createInflate, type Inflate } from 'node:zlib';

/** The words of the dictionary, each written with its length before it. */
const DICTIONARY_WORDS =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age ' +
  'allow authorization cache-control connection content-base content-encoding content-language content-length ' +
  'content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie ' +
  'keep-alive origin';

/** What follows the words. */
const DICTIONARY_TAIL =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505' +
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized' +
  '403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable' +
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT' +
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,' +
  'text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

/** The dictionary of the specification. */
export const DICTIONARY = Buffer.concat([
  ...DICTIONARY_WORDS.split(' ').map((word) => prefixed(word.replace('_', ' '))),
  Buffer.from(DICTIONARY_TAIL),
]);

/** Names in lower case; several values of a name are separated by a zero byte. */
export type Headers = ReadonlyMap<string, string>;

/** A client names a stream by a handful of short headers. */
const MAX_PLAIN_BYTES = 16 * 1024;

/** The peer has broken the protocol: nothing that follows can be understood. */
export class SpdyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SpdyError';
  }
}

function prefixed(text: string): Buffer {
  const buffer = Buffer.alloc(4 + Buffer.byteLength(text));
  buffer.writeUInt32BE(buffer.length - 4);
  buffer.write(text, 4);
  return buffer;
}

/** @throws SpdyError when a length points beyond the block. */
export function parsePairs(block: Buffer): Headers {
  const headers = new Map<string, string>();
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw new SpdyError('header block is cut short');
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (length > block.length - at) throw new SpdyError('header block is cut short');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const count = number();
  for (let index = 0; index < count; index += 1) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}

export function formatPairs(headers: Headers): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(headers.size);
  const pairs = [...headers].flatMap(([name, value]) => [prefixed(name), prefixed(value)]);
  return Buffer.concat([count, ...pairs]);
}

/** Expands the blocks of one connection, in their order. */
export class HeaderDecoder {
  readonly #inflate: Inflate = createInflate({
    dictionary: DICTIONARY,
    flush: constants.Z_SYNC_FLUSH,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  #plain: Buffer[] = [];
  #bytes = 0;
  #failed: ((error: Error) => void) | undefined;
  #error: Error | undefined;

  constructor() {
    this.#inflate.on('data', (chunk: Buffer) => {
      this.#plain.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes > MAX_PLAIN_BYTES) this.#fail(new SpdyError('header block is too large'));
    });
    this.#inflate.on('error', (error) => this.#fail(new SpdyError(`header block: ${error.message}`)));
  }

  /** One block at a time. Rejects with SpdyError for what is no header block; the connection is of no use then. */
  decode(block: Buffer): Promise<Headers> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) {
        reject(this.#error);
        return;
      }
      this.#failed = reject;
      this.#inflate.write(block, (error) => {
        if (error !== undefined && error !== null) return;
        const plain = Buffer.concat(this.#plain, this.#bytes);
        this.#plain = [];
        this.#bytes = 0;
        try {
          resolve(parsePairs(plain));
        } catch (broken) {
          reject(broken);
        }
      });
    });
  }

  close(): void {
    this.#fail(new SpdyError('closed'));
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#inflate.destroy();
    this.#failed?.(this.#error);
  }
}

/** zlib's header: deflate with a window of 32 KiB, a dictionary, and its checksum. */
const ZLIB_HEADER = Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]);

/** An empty stored block, as a compressor ends what is to be read at once: Go's reader hands nothing out before it. */
const FLUSH = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]);

/**
 * Writes blocks as zlib's stored ones, uncompressed: a server sends next to no headers, and a
 * compressor would take a quarter of a megabyte from every connection.
 */
export class HeaderEncoder {
  #isFirst = true;

  encode(headers: Headers): Buffer {
    const plain = formatPairs(headers);
    const head = Buffer.alloc(5);
    head.writeUInt16LE(plain.length, 1);
    head.writeUInt16LE(~plain.length & 0xffff, 3);
    const parts = this.#isFirst ? [ZLIB_HEADER, head, plain, FLUSH] : [head, plain, FLUSH];
    this.#isFirst = false;
    return Buffer.concat(parts);
  }
}
