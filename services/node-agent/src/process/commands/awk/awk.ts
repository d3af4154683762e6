/** The program `awk`: its options, its input and its output. */

import { FileError } from '../../../files/file-system.ts';
import type { Input } from '../../input.ts';
import { Pipe } from '../../pipe.ts';
import {
  cannotOpen,
  command,
  type Command,
  CommandFailure,
  parseOptions,
  type Programs,
} from '../command.ts';
import { unescape } from '../printf.ts';
import { runCommand } from '../run-command.ts';
import { Interpreter, type Request } from './interpreter.ts';
import { parseAwk } from './parser.ts';
import { fromOutside } from './values.ts';

/** What a thousand statements cost, in milliseconds of CPU. */
const PAUSE_COST_MS = 20;

const awk = command(async (self) => {
  const options = parseOptions(self.args, 'F:v:f:', { 'field-separator': 'F', assign: 'v', file: 'f' }, true);
  const operands = [...options.operands];
  const sources: string[] = [];
  for (const path of options.values('f')) sources.push(await self.readText(self.open(path)));
  if (sources.length === 0) {
    const text = operands.shift();
    if (text === undefined) throw new CommandFailure('usage: awk [-F sep] [-v var=value] prog [file ...]', 2);
    sources.push(text);
  }
  const run = new Run(self, sources.join('\n'), operands);
  const separator = options.value('F');
  if (separator !== undefined)
    run.interpreter.setGlobal('FS', separator === 't' ? '\t' : unescape(separator).text);
  for (const each of options.values('v')) run.assign(each);
  return run.toTheEnd();
}, 2);

class Run {
  readonly interpreter: Interpreter;
  readonly #self: Command;
  readonly #operands: readonly string[];
  readonly #readsAhead: boolean;
  #ahead: string | undefined;
  #failed = false;
  readonly #opened = new Set<string>();

  constructor(self: Command, source: string, operands: readonly string[]) {
    this.#self = self;
    this.#operands = operands;
    this.#readsAhead = /\bgetline\b/.test(source);
    this.interpreter = new Interpreter(self, parseAwk(source), () => {
      const line = this.#ahead;
      this.#ahead = undefined;
      return line;
    });
    const argv = new Map(['awk', ...operands].map((each, index) => [String(index), fromOutside(each)]));
    this.interpreter.setGlobal('ARGV', argv);
    this.interpreter.setGlobal('ARGC', argv.size);
  }

  /** `name=value`, as an option or among the files. */
  assign(text: string): void {
    const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(text);
    if (match === null) throw new CommandFailure(`${text}: no assignment`, 2);
    this.interpreter.setGlobal(match[1]!, fromOutside(unescape(match[2]!).text));
  }

  async toTheEnd(): Promise<number> {
    const { interpreter } = this;
    let goesOn = await this.#carryOut(interpreter.special('BEGIN'));
    if (goesOn && interpreter.hasMainRules()) goesOn = await this.#main();
    await this.#carryOut(interpreter.special('END'));
    await this.#finish();
    return interpreter.exitCode === 0 && this.#failed ? 2 : interpreter.exitCode;
  }

  async #main(): Promise<boolean> {
    const { interpreter } = this;
    let isNewFile = true;
    const records = this.#records((path) => {
      interpreter.setGlobal('FILENAME', path);
      isNewFile = true;
    });
    // For `getline` one record is held ready; without it each is shown as soon as it comes.
    this.#ahead = await this.#next(records);
    while (this.#ahead !== undefined) {
      const record = this.#ahead;
      this.#ahead = this.#readsAhead ? await this.#next(records) : undefined;
      interpreter.countRecord(isNewFile);
      isNewFile = false;
      interpreter.setRecord(record);
      if (!(await this.#carryOut(interpreter.rules()))) return false;
      this.#ahead ??= await this.#next(records);
    }
    return true;
  }

  async #next(records: AsyncGenerator<string>): Promise<string | undefined> {
    const next = await this.#self.wait(records.next());
    return next.done === true ? undefined : next.value;
  }

  async *#records(onFile: (path: string) => void): AsyncGenerator<string> {
    const paths = this.#operands.filter((each) => !/^[A-Za-z_]\w*=/.test(each));
    if (paths.length === 0) for (const each of this.#operands) this.assign(each);
    for (const operand of paths.length === 0 ? ['-'] : this.#operands) {
      if (/^[A-Za-z_]\w*=/.test(operand)) {
        this.assign(operand);
        continue;
      }
      let input: Input;
      try {
        input = this.#self.open(operand);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        this.#failed = true;
        this.#self.complain(cannotOpen(operand, error));
        continue;
      }
      onFile(operand === '-' ? '' : operand);
      yield* this.#split(input);
    }
  }

  /** By RS: a newline, another character, or with an empty one by empty lines. */
  async *#split(input: Input): AsyncGenerator<string> {
    const separator = this.interpreter.text('RS');
    if (separator === '\n') {
      yield* input.lines();
      return;
    }
    const text = await this.#self.readText(input);
    const trimmed = text.replace(/\n$/, '');
    if (separator === '') yield* trimmed.replace(/^\n+/, '').split(/\n\n+/);
    else if (separator.length === 1)
      yield* text
        .replace(new RegExp(`${separator === '\\' ? '\\\\' : `[${separator}]`}$`), '')
        .split(separator);
    else yield* trimmed.split(this.interpreter.regexp(separator));
  }

  /** Does what the steps ask for, and lets out what they have printed. */
  async #carryOut(steps: Generator<Request, boolean>): Promise<boolean> {
    for (;;) {
      const step = steps.next();
      await this.#flush();
      if (step.done === true) return step.value;
      if (step.value.kind === 'pause') {
        await this.#self.wait(this.#self.process.usage.work(PAUSE_COST_MS));
      } else {
        const child = await runCommand(this.#self, ['sh', '-c', step.value.command]);
        await this.#self.wait(child.ended);
      }
    }
  }

  async #flush(): Promise<void> {
    const { output } = this.interpreter;
    for (const [target, { kind, text }] of output) {
      if (kind === 'command' || text === '') continue;
      output.set(target, { kind, text: '' });
      if (target === '') {
        await this.#self.print(text);
      } else {
        const append = kind === 'append' || this.#opened.has(target);
        this.#opened.add(target);
        await this.#self.create(target, { append }).write(text);
      }
    }
  }

  /** What was printed to commands: they run at the end. */
  async #finish(): Promise<void> {
    await this.#flush();
    for (const [target, { kind, text }] of this.interpreter.output) {
      if (kind !== 'command') continue;
      const input = new Pipe();
      void input.write(text);
      input.close();
      const child = await runCommand(this.#self, ['sh', '-c', target], { stdin: input });
      await this.#self.wait(child.ended);
    }
  }
}

export const AWK_PROGRAMS: Programs = { awk, gawk: awk, mawk: awk };
