/** Simple commands (POSIX XCU 2.9.1): assignments, redirections, then a builtin, a function or a program. */

import type { Assignment, Command } from 'unbash';
import { FileError } from '../../files/file-system.ts';
import type { Program, Progress } from '../process.ts';
import { evaluateText } from './arithmetic.ts';
import { BUILTINS, DECLARATIONS, SPECIAL_BUILTINS } from './builtins/index.ts';
import type { Builtin, BuiltinTools } from './builtins/builtin.ts';
import { expandText, expandWords } from './expand.ts';
import { type FileDescriptors, standardStreams } from './file-descriptors.ts';
import { findExecutable } from './find-executable.ts';
import { callFunction } from './call-function.ts';
import { LONG_COMMAND_MS } from './limits.ts';
import { ShellError } from './parse.ts';
import type { ProgramCall } from './program-call.ts';
import { redirected } from './redirect.ts';
import type { Shell } from './shell.ts';
import type { Variable } from './variables.ts';

const TOOLS: BuiltinTools = { runProgram: runExternal, builtins: BUILTINS };

export async function runSimpleCommand(shell: Shell, node: Command, isLast: boolean): Promise<number> {
  const resumed = shell.cursor?.peekCall();
  const argv = resumed?.call ?? (node.name === undefined ? [] : await expandArgv(shell, node));
  const assignments = node.prefix.filter((each) => each.type === 'Assignment');
  let files: FileDescriptors;
  try {
    files = await redirected(shell, node.redirects);
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    shell.complain(error.message, node.pos);
    return error.exitCode;
  }
  if (argv.length === 0) {
    shell.status = 0;
    for (const each of assignments) await assign(shell, each);
    if (shell.options.xtrace)
      await trace(
        shell,
        assignments.map((each) => each.text),
      );
    return shell.status;
  }
  if (shell.options.xtrace) await trace(shell, argv);
  return dispatch(shell, { node, argv, assignments, files, isLast });
}

async function expandArgv(shell: Shell, node: Command): Promise<string[]> {
  const argv = await expandWords(shell, [node.name!]);
  if (!DECLARATIONS.has(argv[0] ?? '')) {
    argv.push(...(await expandWords(shell, node.args)));
    return withAlias(shell, argv);
  }
  for (const word of node.args) {
    // An array cannot be an argument: it is assigned before it is declared.
    if (word.type === 'Assignment' && word.value.type === 'ArrayValue') {
      await assign(shell, word);
      argv.push(word.name);
    } else {
      argv.push(...(await expandWords(shell, [word])));
    }
  }
  return argv;
}

/** An alias of plain words (`alias k=kubectl`) takes the place of its name. */
function withAlias(shell: Shell, argv: string[]): string[] {
  const alias = shell.aliases.get(argv[0] ?? '');
  return alias === undefined ? argv : [...alias.split(/\s+/), ...argv.slice(1)];
}

async function trace(shell: Shell, words: readonly string[]): Promise<void> {
  const quoted = words.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`,
  );
  await shell.printError(`${shell.variables.get('PS4') ?? '+ '}${quoted.join(' ')}\n`);
}

interface Call {
  node: Command;
  argv: string[];
  assignments: Assignment[];
  files: FileDescriptors;
  isLast: boolean;
}

async function dispatch(shell: Shell, call: Call): Promise<number> {
  const [name] = call.argv as [string];
  const definition = shell.functions.get(name);
  const builtin = BUILTINS.get(name);
  if (SPECIAL_BUILTINS.has(name) && builtin !== undefined) {
    for (const each of call.assignments) await assign(shell, each);
    // What `exec` redirects stays so.
    if (name === 'exec' && call.argv.length === 1) {
      shell.files = call.files;
      shell.permanentFiles = call.files;
      return 0;
    }
    return withFiles(shell, call.files, () => builtin(shell, call.argv.slice(1), TOOLS));
  }
  if (definition !== undefined)
    return withAssignments(shell, call.assignments, () =>
      withFiles(shell, call.files, () => callFunction(shell, definition, call.argv)),
    );
  if (builtin !== undefined)
    return withAssignments(shell, call.assignments, () =>
      withFiles(shell, call.files, () => runBuiltin(shell, call, builtin)),
    );
  return withAssignments(shell, call.assignments, () => runExternal(shell, call), true);
}

async function runBuiltin(shell: Shell, { argv, node }: Call, builtin: Builtin): Promise<number> {
  try {
    return await builtin(shell, argv.slice(1), TOOLS);
  } catch (error) {
    if (error instanceof FileError) {
      shell.complain(`${argv[0]}: write error: ${error.message}`, node.pos);
      return 1;
    }
    throw error;
  }
}

async function withFiles(
  shell: Shell,
  files: FileDescriptors,
  run: () => Promise<number> | number,
): Promise<number> {
  const before = shell.files;
  shell.files = files;
  try {
    return await run();
  } finally {
    // `exec` inside may have replaced them on purpose.
    if (shell.files === files) shell.files = before;
  }
}

/** Variables that hold for one command. */
async function withAssignments(
  shell: Shell,
  assignments: readonly Assignment[],
  run: () => Promise<number>,
  exported = false,
): Promise<number> {
  if (assignments.length === 0) return run();
  const before = new Map<string, Variable | undefined>();
  for (const each of assignments) {
    if (!before.has(each.name)) before.set(each.name, shell.variables.peek(each.name));
    await assign(shell, each);
    if (exported) shell.variables.mark(each.name, { exported: true });
  }
  try {
    return await run();
  } finally {
    for (const [name, variable] of before) shell.variables.restore(name, variable);
  }
}

async function assign(shell: Shell, { name, value, append, index }: Assignment): Promise<void> {
  const { variables } = shell;
  if (value.type === 'ArrayValue') {
    const elements = await expandWords(shell, value.elements);
    const old = append === true ? variables.value(name) : undefined;
    variables.set(name, [...(typeof old === 'object' ? old : old === undefined ? [] : [old]), ...elements]);
    return;
  }
  const text = await expandText(shell, value);
  if (index !== undefined) {
    const at = Number(await evaluateText(shell, await expandText(shell, index)));
    variables.setElement(name, at, text);
  } else {
    variables.set(name, append === true ? (variables.get(name) ?? '') + text : text);
  }
  if (shell.options.allexport) variables.mark(name, { exported: true });
}

async function runExternal(shell: Shell, { argv, files, isLast, node }: ProgramCall): Promise<number> {
  const found = await shell.wait(findExecutable(shell, argv));
  if ('message' in found) {
    const message =
      found.status === 127 && shell.isBash ? `${argv[0]}: command not found` : `${argv[0]}: ${found.message}`;
    await withFiles(shell, files, () => {
      shell.complain(message, node?.pos);
      return found.status;
    });
    return found.status;
  }
  const takesPlace = isLast && shell.ownsProcess && shell.traps.isEmpty && shell.jobs.length === 0;
  return takesPlace ? becomeProgram(shell, found, files) : spawnProgram(shell, found, files);
}

interface Executable {
  argv: readonly string[];
  program: Program;
}

/** The program keeps the number of the shell, and what it says of its progress is the shell's. */
async function becomeProgram(
  shell: Shell,
  { argv, program }: Executable,
  files: FileDescriptors,
): Promise<number> {
  return shell.wait(
    shell.process.exec(argv, program, {
      ...standardStreams(files),
      cwd: shell.cwd,
      env: shell.variables.environment(),
      progress: childProgress(shell),
    }),
  );
}

async function spawnProgram(
  shell: Shell,
  { argv, program }: Executable,
  files: FileDescriptors,
): Promise<number> {
  const { clock, killed } = shell.process;
  const progress = childProgress(shell);
  const startedAtMs = clock.now();
  let ended: Promise<number>;
  try {
    ({ ended } = shell.process.spawn(argv, program, {
      ...standardStreams(files),
      cwd: shell.cwd,
      env: shell.variables.environment(),
      progress,
    }));
  } catch (error) {
    throw new ShellError(`can't fork: ${(error as Error).message}`);
  }
  if (shell.saveProgress === undefined) {
    const status = await shell.wait(ended);
    shell.rest(clock.now() - startedAtMs);
    return status;
  }
  // A command that says nothing of itself is begun again after the agent was gone.
  const timer = clock.setTimeout(() => {
    if (!progress.hasSaved && !killed.aborted) shell.saveProgress?.();
  }, LONG_COMMAND_MS);
  const stop = (): void => timer.cancel();
  killed.addEventListener('abort', stop, { once: true });
  const status = await ended;
  stop();
  killed.removeEventListener('abort', stop);
  shell.rest(clock.now() - startedAtMs);
  return shell.wait(status);
}

function childProgress(shell: Shell): Progress & { readonly hasSaved: boolean } {
  let hasSaved = false;
  return {
    saved: shell.cursor?.takeChild(),
    get hasSaved() {
      return hasSaved;
    },
    save: (state) => {
      hasSaved = true;
      shell.saveProgress?.(shell.cursor === undefined ? undefined : state);
    },
  };
}
