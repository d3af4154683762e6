import { describe, expect, it } from 'vitest';
import { FileError, type FileErrorCode, type FileSystem } from '../files/file-system.ts';
import { containerConfigFor } from '../test-support/runtime-parts.ts';
import type { Container } from './runtime.ts';
import { OutputTail, terminationMessage } from './termination-message.ts';

const PATH = '/dev/termination-log';

function ended(exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error'): Container {
  return { ...containerConfigFor('web'), exitCode, reason } as Container;
}

/** Files of which only the one with the last words is read. */
function saying(words: string): () => FileSystem {
  const read = (path: string): Uint8Array => {
    expect(path).toBe(PATH);
    return Buffer.from(words);
  };
  return () => ({ read }) as FileSystem;
}

function failing(code: FileErrorCode): () => FileSystem {
  const read = (path: string): Uint8Array => {
    throw new FileError(code, path);
  };
  return () => ({ read }) as FileSystem;
}

function printed(...chunks: string[]): OutputTail {
  const tail = new OutputTail();
  for (const chunk of chunks) tail.write(Buffer.from(chunk));
  return tail;
}

describe('the last words of a container', () => {
  it.each<[string, Container, (() => FileSystem) | undefined, OutputTail | undefined, string]>([
    ['are what it has left in its file', ended(0), saying('done\n'), undefined, 'done\n'],
    ['are none without files', ended(1), undefined, undefined, ''],
    ['are none without that file', ended(1), failing('ENOENT'), undefined, ''],
    ['are none in an empty file', ended(1), saying(''), undefined, ''],
    [
      'cannot be read from a directory',
      ended(1),
      failing('EISDIR'),
      printed('oh no\n'),
      `Error on reading termination log ${PATH}: Is a directory`,
    ],
    [
      'are what it printed, if it asks for that and fails',
      ended(1),
      saying(''),
      printed('oh no\n'),
      'oh no\n',
    ],
    ['are not what it printed if it left others', ended(1), saying('words'), printed('oh no\n'), 'words'],
    ['are not what it printed if it succeeded', ended(0), saying(''), printed('fine\n'), ''],
    [
      'are not what it printed if it never ran',
      ended(128, 'ContainerCannotRun'),
      undefined,
      printed('x'),
      '',
    ],
  ])('%s', (_what, container, files, output, expected) => {
    expect(terminationMessage(container, files, output)).toBe(expected);
  });

  it('are the last four kilobytes of the file', () => {
    const words = `${'a'.repeat(5_000)}${'b'.repeat(4_096)}`;
    expect(terminationMessage(ended(0), saying(words), undefined)).toBe('b'.repeat(4_096));
  });
});

describe('the end of what a container prints', () => {
  it('is two kilobytes at most, however it was printed', () => {
    expect(printed('a'.repeat(10_000), 'b'.repeat(1_000)).text()).toBe('a'.repeat(1_048) + 'b'.repeat(1_000));
    expect(printed(...Array.from({ length: 5_000 }, (_, index) => String(index % 10))).text()).toHaveLength(
      2_048,
    );
  });

  it('is eighty lines at most', () => {
    const lines = Array.from({ length: 100 }, (_, index) => `${index}\n`);
    expect(printed(...lines).text()).toBe(lines.slice(20).join(''));
  });
});
