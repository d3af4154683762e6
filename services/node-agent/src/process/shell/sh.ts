/**
 * The program `sh`, also as ash, dash and bash: `sh -c SCRIPT [NAME [ARG...]]`, `sh FILE [ARG...]`,
 * `sh` with a script on standard input, and `sh` on a terminal.
 */

import { FileError } from '../../files/file-system.ts';
import { absolutePath } from '../open-file.ts';
import type { Process, Program } from '../process.ts';
import { applyOptions } from './builtins/variables.ts';
import { interpreter } from './execute.ts';
import { runInteractive, runStandardInput } from './interactive.ts';
import { parseScript } from './parse.ts';
import { followProgress } from './progress.ts';
import { Shell } from './shell.ts';

interface Invocation {
  /** Options of `set`, as they were written. */
  options: string[];
  script: string | undefined;
  interactive: boolean;
  readsInput: boolean;
  operands: string[];
}

export const sh: Program = async (process) => {
  const invocation = parseInvocation(process.argv.slice(1));
  const { script, operands } = invocation;
  if (script !== undefined) return runScript(process, invocation, script, operands[0], operands.slice(1));
  const [file, ...args] = operands;
  if (file === undefined || invocation.readsInput) return runInput(process, invocation, operands);
  try {
    const content = process.files.read(absolutePath(process.cwd, file));
    return await runScript(process, invocation, Buffer.from(content).toString('utf8'), file, args);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const name = process.argv[0] ?? 'sh';
    const isBash = name.endsWith('bash');
    await process.stderr.write(
      isBash ? `${name}: ${file}: ${error.message}\n` : `${name}: can't open '${file}': ${error.message}\n`,
    );
    return error.code === 'ENOENT' ? (isBash ? 127 : 2) : 126;
  }
};

function parseInvocation(args: readonly string[]): Invocation {
  const invocation: Invocation = {
    options: [],
    script: undefined,
    interactive: false,
    readsInput: false,
    operands: [],
  };
  let isCommand = false;
  let at = 0;
  for (; at < args.length; at += 1) {
    const arg = args[at]!;
    if (arg === '--' || arg === '-') {
      at += 1;
      break;
    }
    if (arg.startsWith('--')) continue;
    if (!/^[-+]./.test(arg)) break;
    for (const letter of arg.slice(1)) {
      if (letter === 'c') isCommand = true;
      else if (letter === 'i') invocation.interactive = true;
      else if (letter === 's') invocation.readsInput = true;
      else if (letter === 'o') invocation.options.push(`${arg[0]}o`, args[(at += 1)] ?? '');
      else if (letter !== 'l') invocation.options.push(`${arg[0]}${letter}`);
    }
  }
  invocation.operands = args.slice(at);
  if (isCommand) invocation.script = invocation.operands.shift() ?? '';
  return invocation;
}

function makeShell(process: Process, { options }: Invocation, name: string, source: string): Shell {
  const shell = new Shell(process, { interpreter, name, source });
  applyOptions(shell, options);
  return shell;
}

async function runScript(
  process: Process,
  invocation: Invocation,
  source: string,
  name: string | undefined,
  args: readonly string[],
): Promise<number> {
  const shell = makeShell(process, invocation, name ?? process.argv[0] ?? 'sh', source);
  shell.positional = args;
  return shell.toTheEnd(() => {
    const script = parseScript(source);
    followProgress(shell);
    return interpreter.runStatements(shell, script.commands, true);
  });
}

function runInput(process: Process, invocation: Invocation, operands: readonly string[]): Promise<number> {
  const name = process.argv[0] ?? 'sh';
  const interactive = invocation.interactive || process.terminal !== undefined;
  const shell = new Shell(process, { interpreter, name: name.replace(/^-/, ''), interactive });
  shell.positional = operands;
  return shell.toTheEnd(async () => {
    applyOptions(shell, invocation.options);
    return interactive ? runInteractive(shell) : runStandardInput(shell);
  });
}
