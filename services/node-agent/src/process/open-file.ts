/** Opening files by path as open(2) does, the few devices and the links of /proc included. */

import { randomBytes } from 'node:crypto';
import { FileError } from '../files/file-system.ts';
import { BrokenPipe } from './pipe.ts';
import type { ByteSink, ByteSource, Process } from './process.ts';

/** How much of a file or device one read gives. */
const CHUNK_BYTES = 64 * 1024;

const EMPTY = new Uint8Array();
const ZEROS = new Uint8Array(CHUNK_BYTES);
const END: ByteSource = { read: () => Promise.resolve(undefined) };
const NOWHERE: ByteSink = { write: () => undefined };
const encoder = new TextEncoder();

/** The path from the root. `..` is left to the file system, which knows the symlinks. */
export function absolutePath(cwd: string, path: string): string {
  if (path.startsWith('/')) return path;
  return cwd.endsWith('/') ? cwd + path : `${cwd}/${path}`;
}

type Streams = Pick<Process, 'stdin' | 'stdout' | 'stderr'>;
type Opener = Pick<Process, 'files' | 'mainOutput'> & Streams;

/** Whether what is read at a path never ends. */
export function isEndless(path: string): boolean {
  return path === '/dev/zero' || path === '/dev/random' || path === '/dev/urandom';
}

/** @throws FileError */
export function openSource(process: Opener, path: string): ByteSource {
  switch (path) {
    case '/dev/null':
      return END;
    case '/dev/zero':
      return { read: () => Promise.resolve(ZEROS) };
    case '/dev/random':
    case '/dev/urandom':
      return { read: () => Promise.resolve(randomBytes(4_096)) };
    case '/dev/stdin':
    case '/dev/tty':
    case '/dev/fd/0':
    case '/proc/self/fd/0':
      return process.stdin;
    default:
      return new FileSource(process, path);
  }
}

/** A new file is empty, an old one too unless it is added to. @throws FileError */
export function openSink(process: Opener, path: string, options: { append?: boolean } = {}): ByteSink {
  switch (path) {
    case '/dev/null':
    case '/dev/zero':
      return NOWHERE;
    case '/dev/stdout':
    case '/dev/tty':
    case '/dev/fd/1':
    case '/proc/self/fd/1':
      return process.stdout;
    case '/dev/stderr':
    case '/dev/fd/2':
    case '/proc/self/fd/2':
      return process.stderr;
    case '/proc/1/fd/1':
      return process.mainOutput('stdout');
    case '/proc/1/fd/2':
      return process.mainOutput('stderr');
    case '/dev/full':
      return {
        write: () => {
          throw new FileError('ENOSPC', path);
        },
      };
    default:
      process.files.write(path, EMPTY, { append: options.append === true });
      return {
        write: (data) =>
          process.files.write(path, typeof data === 'string' ? encoder.encode(data) : data, { append: true }),
      };
  }
}

/** Keeps its place while others write: what is added later is read later. */
class FileSource implements ByteSource {
  readonly #process: Pick<Process, 'files'>;
  readonly #path: string;
  #offset = 0;

  constructor(process: Pick<Process, 'files'>, path: string) {
    this.#process = process;
    this.#path = path;
    if (process.files.stat(path).type === 'directory') throw new FileError('EISDIR', path);
    process.files.read(path);
  }

  read(): Promise<Uint8Array | undefined> {
    const { files } = this.#process;
    // A file that is gone since has no more to give: its reader holds the inode in real life.
    const content = files.exists(this.#path) ? files.read(this.#path) : EMPTY;
    if (this.#offset >= content.length) return Promise.resolve(undefined);
    const chunk = content.subarray(this.#offset, this.#offset + CHUNK_BYTES);
    this.#offset += chunk.length;
    return Promise.resolve(chunk);
  }
}

/** Collects what is written, up to a limit; more breaks the pipe of who writes. */
export class Collector implements ByteSink {
  readonly #chunks: Uint8Array[] = [];
  readonly #limitBytes: number;
  #length = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Whether something did not fit. */
  get overflowed(): boolean {
    return this.#length > this.#limitBytes;
  }

  write(data: Uint8Array | string): void {
    const bytes = typeof data === 'string' ? encoder.encode(data) : data;
    this.#length += bytes.length;
    if (this.overflowed) throw new BrokenPipe();
    this.#chunks.push(bytes);
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
