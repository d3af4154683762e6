/** The open files of a shell. */

import { Input } from '../input.ts';
import type { ByteSink, ByteSource, Process } from '../process.ts';

export interface OpenFile {
  readonly source?: Input;
  readonly sink?: ByteSink;
  /** Of a file that can be opened again. */
  readonly path?: string;
}

export type FileDescriptors = Map<number, OpenFile>;

export function standardFiles(process: Process): FileDescriptors {
  return new Map<number, OpenFile>([
    [0, { source: Input.of(process.stdin) }],
    [1, { sink: process.stdout }],
    [2, { sink: process.stderr }],
  ]);
}

const CLOSED_SOURCE: ByteSource = { read: () => Promise.resolve(undefined) };
const CLOSED_SINK: ByteSink = { write: () => undefined };

/** What a child is given of them. */
export function standardStreams(files: FileDescriptors): {
  stdin: ByteSource;
  stdout: ByteSink;
  stderr: ByteSink;
} {
  return {
    stdin: files.get(0)?.source ?? CLOSED_SOURCE,
    stdout: files.get(1)?.sink ?? CLOSED_SINK,
    stderr: files.get(2)?.sink ?? CLOSED_SINK,
  };
}
