/** What the commands have in common: options, complaints, files, and how they fail. */

import { FileError } from '../../files/file-system.ts';
import { NetworkError } from '../../network/network.ts';
import { Input } from '../input.ts';
import { absolutePath, openSink, openSource } from '../open-file.ts';
import type { ByteSink, ByteSource, Process, Program } from '../process.ts';
import { RegularExpressionError } from '../regular-expressions.ts';

/** Ends a command with a message (none when it is empty) and an exit code. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'CommandFailure';
    this.exitCode = exitCode;
  }
}

/** Parsed as getopt(3) does: options and operands may be mixed, `--` ends the options. */
export interface Options {
  has(name: string): boolean;
  /** The last value that was given. */
  value(name: string): string | undefined;
  /** All values, in their order. */
  values(name: string): readonly string[];
  /** A value that has to be a number. @throws CommandFailure */
  number(name: string, otherwise: number): number;
  readonly operands: readonly string[];
}

const NEVER = new Promise<never>(() => undefined);

/** One run of a command. */
export class Command {
  readonly process: Process;
  /** As it was called, without the directory. */
  readonly name: string;
  readonly args: readonly string[];

  constructor(process: Process) {
    this.process = process;
    this.name = (process.argv[0] ?? '').split('/').at(-1)!;
    this.args = process.argv.slice(1);
  }

  async print(data: string | Uint8Array): Promise<void> {
    const written = this.process.stdout.write(data);
    if (written !== undefined) await this.wait(written);
  }

  async printError(text: string): Promise<void> {
    await this.process.stderr.write(text);
  }

  /** On standard error, with the name of the command before it. Returns the exit code of most failures. */
  complain(message: string): number {
    void this.process.stderr.write(`${this.name}: ${message}\n`);
    return 1;
  }

  /** Waits; what comes after never runs when the process was killed meanwhile. */
  async wait<T>(promise: T | PromiseLike<T>): Promise<T> {
    const result = await promise;
    if (this.process.killed.aborted) await NEVER;
    return result;
  }

  sleep(delayMs: number): Promise<void> {
    return this.wait(this.process.clock.sleep(delayMs, this.process.killed));
  }

  path(path: string): string {
    return absolutePath(this.process.cwd, path);
  }

  /** `-` is standard input. @throws FileError */
  open(path: string): Input {
    return Input.of(path === '-' ? this.process.stdin : openSource(this.process, this.path(path)));
  }

  create(path: string, options: { append?: boolean } = {}): ByteSink {
    return openSink(this.process, this.path(path), options);
  }

  /** The files named, or standard input; of one that cannot be opened is complained, and `failed` becomes true. */
  async *inputs(paths: readonly string[], outcome: { failed: boolean }): AsyncGenerator<[string, Input]> {
    for (const path of paths.length === 0 ? ['-'] : paths) {
      let input: Input;
      try {
        input = this.open(path);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        outcome.failed = true;
        this.complain(cannotOpen(path, error));
        continue;
      }
      yield [path, input];
    }
  }

  /** All of a source, as text. @throws CommandFailure when it is too long to hold */
  async readText(source: ByteSource, limitBytes = LARGEST_INPUT_BYTES): Promise<string> {
    return (await this.readBytes(source, limitBytes)).toString('utf8');
  }

  async readBytes(source: ByteSource, limitBytes = LARGEST_INPUT_BYTES): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read()) {
      length += chunk.length;
      if (length > limitBytes) throw new CommandFailure('out of memory');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /**
   * `spec` names the letters, with a colon after those that take a value; `long` says which letter
   * a long option stands for. @throws CommandFailure for an option that is not known
   */
  options(spec: string, long: Readonly<Record<string, string>> = {}): Options {
    return parseOptions(this.args, spec, long);
  }
}

/** What a command that must see all of its input takes in. */
export const LARGEST_INPUT_BYTES = 16 * 1024 * 1024;

export function parseOptions(
  args: readonly string[],
  spec: string,
  long: Readonly<Record<string, string>> = {},
  stopsAtOperand = false,
): Options {
  const found = new Map<string, string[]>();
  const operands: string[] = [];
  const add = (name: string, value: string): void => {
    const values = found.get(name) ?? [];
    values.push(value);
    found.set(name, values);
  };
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at]!;
    if (arg === '--' || (stopsAtOperand && !/^-./.test(arg))) {
      operands.push(...args.slice(arg === '--' ? at + 1 : at));
      break;
    }
    if (arg.startsWith('--')) {
      const [name, value] = splitLong(arg);
      const letter = Object.hasOwn(long, name) ? long[name]! : undefined;
      if (letter === undefined) throw new CommandFailure(`unrecognized option: ${arg.slice(2)}`);
      const takesValue = spec.includes(`${letter}:`);
      add(letter, takesValue ? (value ?? args[(at += 1)] ?? '') : '');
    } else if (/^-./.test(arg)) {
      for (let index = 1; index < arg.length; index += 1) {
        const letter = arg[index]!;
        const place = letter === ':' ? -1 : spec.indexOf(letter);
        if (place < 0) throw new CommandFailure(`unrecognized option: ${letter}`);
        if (spec[place + 1] !== ':') {
          add(letter, '');
          continue;
        }
        const value = index + 1 < arg.length ? arg.slice(index + 1) : args[(at += 1)];
        if (value === undefined) throw new CommandFailure(`option requires an argument: ${letter}`);
        add(letter, value);
        break;
      }
    } else {
      operands.push(arg);
    }
  }
  return {
    has: (name) => found.has(name),
    value: (name) => found.get(name)?.at(-1),
    values: (name) => found.get(name) ?? [],
    number: (name, otherwise) => {
      const text = found.get(name)?.at(-1);
      if (text === undefined) return otherwise;
      const value = Number(text);
      if (text.trim() === '' || Number.isNaN(value)) throw new CommandFailure(`invalid number '${text}'`);
      return value;
    },
    operands,
  };
}

function splitLong(arg: string): [name: string, value: string | undefined] {
  const equals = arg.indexOf('=');
  return equals < 0 ? [arg.slice(2), undefined] : [arg.slice(2, equals), arg.slice(equals + 1)];
}

/** busybox's words. */
export function cannotOpen(path: string, error: FileError): string {
  return error.code === 'EISDIR' ? `read error: ${error.message}` : `can't open '${path}': ${error.message}`;
}

/** Makes a program of a function that may throw what files, networks and options throw. */
export function command(run: (command: Command) => number | Promise<number>, failureCode = 1): Program {
  return async (process) => {
    const self = new Command(process);
    try {
      return await run(self);
    } catch (error) {
      if (error instanceof CommandFailure) {
        if (error.message !== '') self.complain(error.message);
        return error.exitCode;
      }
      if (error instanceof FileError) return self.complain(`${error.path}: ${error.message}`) && failureCode;
      if (error instanceof NetworkError || error instanceof RegularExpressionError)
        return self.complain(error.message) && failureCode;
      throw error;
    }
  };
}

/** The programs of one file, by name. */
export type Programs = Readonly<Record<string, Program>>;
