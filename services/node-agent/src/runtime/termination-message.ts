/** The last words of a container, for its status (kuberuntime_container.go, getTerminationMessage). */

import { FileError, type FileSystem } from '../files/file-system.ts';
import type { Container } from './runtime.ts';

/** Of what the container left in its file (MaxContainerTerminationMessageLength). */
const MAX_FILE_BYTES = 4_096;
/** Of what it printed (MaxContainerTerminationMessageLogLength, MaxContainerTerminationMessageLogLines). */
const MAX_LOG_BYTES = 2_048;
const MAX_LOG_LINES = 80;

/** The end of what a container prints. Kept for those alone that ask for it. */
export class OutputTail {
  #bytes = Buffer.alloc(0);

  write(data: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, data.subarray(-MAX_LOG_BYTES)]).subarray(-MAX_LOG_BYTES);
  }

  text(): string {
    const lines = this.#bytes.toString().split('\n');
    // The last is what comes after the last line's end.
    return lines.slice(-MAX_LOG_LINES - 1).join('\n');
  }
}

/**
 * What an ended container has to say. `files` is undefined when nothing can have been written,
 * `output` unless its policy is FallbackToLogsOnError. Never throws: that would keep the container
 * from ending.
 */
export function terminationMessage(
  { terminationMessagePath, exitCode, reason }: Container,
  files: (() => FileSystem) | undefined,
  output: OutputTail | undefined,
): string {
  const words = files === undefined ? '' : wordsIn(files, terminationMessagePath);
  if (words !== '' || output === undefined) return words;
  return exitCode === 0 || reason === 'ContainerCannotRun' ? '' : output.text();
}

function wordsIn(files: () => FileSystem, path: string): string {
  try {
    return Buffer.from(files().read(path).subarray(-MAX_FILE_BYTES)).toString();
  } catch (error) {
    if (error instanceof FileError && error.code === 'ENOENT') return '';
    return `Error on reading termination log ${path}: ${(error as Error).message}`;
  }
}
