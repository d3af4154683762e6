/** Builtins that are about jobs, signals and other commands. */

import { FileError } from '../../../files/file-system.ts';
import { absolutePath } from '../../open-file.ts';
import { SIGNAL_NUMBER } from '../../process.ts';
import { quoteForShell } from '../../commands/printf.ts';
import { searchPath } from '../find-executable.ts';
import { findJob } from '../jobs.ts';
import { ShellError } from '../parse.ts';
import type { Shell } from '../shell.ts';
import { signalNamed, trapName } from '../traps.ts';
import type { Builtin } from './builtin.ts';

/** For the jobs named, or for all; a signal that has a trap ends the wait. */
const wait: Builtin = async (shell, args) => {
  const operands = args.filter((each) => !each.startsWith('-'));
  const jobs = operands.length === 0 ? [...shell.jobs] : operands.map((each) => findJob(shell, each));
  let status = 0;
  for (const job of jobs) {
    if (job === undefined) {
      status = 127;
      continue;
    }
    const ended = await shell.wait(
      Promise.race([job.child.ended, shell.traps.arrival().then(() => 'interrupted' as const)]),
    );
    if (ended === 'interrupted') return shell.traps.pendingStatus ?? 0;
    status = operands.length === 0 ? 0 : ended;
    shell.jobs = shell.jobs.filter((each) => each !== job);
    if (args.includes('-n')) return ended;
  }
  return status;
};

const trap: Builtin = async (shell, args) => {
  const operands = args[0] === '--' ? args.slice(1) : args;
  if (operands.length === 0 || operands[0] === '-p') {
    for (const [name, command] of shell.traps.entries())
      await shell.print(`trap -- ${quoteForShell(command)} ${name.replace(/^SIG/, '')}\n`);
    return 0;
  }
  if (operands[0] === '-l') {
    await shell.print(`${Object.keys(SIGNAL_NUMBER).join(' ')}\n`);
    return 0;
  }
  const [first, ...rest] = operands;
  // A first word that names a signal, without a command, puts that signal back.
  const resets = first === '-' || (rest.length === 0 && trapName(first!) !== undefined);
  let status = 0;
  for (const each of rest.length === 0 ? [first!] : rest) {
    const name = trapName(each);
    if (name !== undefined) shell.traps.set(name, resets ? undefined : first);
    else if (!IGNORED_SIGNALS.test(each)) {
      shell.complain(`trap: ${each}: invalid signal specification`);
      status = 1;
    }
  }
  return status;
};

/** Nobody sends them here. */
const IGNORED_SIGNALS = /^(?:SIG)?(?:PIPE|ALRM|CHLD|CONT|TSTP|TTIN|TTOU|STOP|DEBUG|RETURN|13|14|17|18|20)$/i;

const kill: Builtin = async (shell, args) => {
  if (args[0] === '-l') {
    await shell.print(
      `${Object.keys(SIGNAL_NUMBER)
        .map((name) => name.slice(3))
        .join('\n')}\n`,
    );
    return 0;
  }
  let operands = [...args];
  let name = 'TERM';
  if (operands[0] === '-s') [, name = '', ...operands] = operands;
  else if (/^-./.test(operands[0] ?? '') && operands[0] !== '--') name = operands.shift()!.slice(1);
  if (operands[0] === '--') operands.shift();
  const signal = name === '0' ? undefined : signalNamed(name);
  if (signal === undefined && name !== '0') throw new ShellError(`kill: bad signal name '${name}'`, 1);
  let status = 0;
  for (const each of operands) {
    const pid = each.startsWith('%') ? (findJob(shell, each)?.child.pid ?? 0) : Math.abs(Number(each));
    const isThere = shell.process.processes().some((entry) => entry.pid === pid);
    if (signal !== undefined && isThere) shell.process.kill(pid, signal);
    if (isThere) continue;
    shell.complain(`kill: can't kill pid ${each}: No such process`);
    status = 1;
  }
  // Who has ended itself does nothing more.
  await shell.wait(undefined);
  return status;
};

const jobs: Builtin = async (shell) => {
  for (const { number, status, command } of shell.jobs) {
    const state = status === undefined ? 'Running' : status === 0 ? 'Done' : `Done(${status})`;
    await shell.print(
      `[${number}]${number === shell.jobs.at(-1)?.number ? '+' : '-'}  ${state.padEnd(24)}${command}\n`,
    );
  }
  shell.jobs = shell.jobs.filter((job) => job.status === undefined);
  return 0;
};

const foreground: Builtin = async (shell, args, tools) => {
  const job = findJob(shell, args[0] ?? '%%');
  if (job === undefined) throw new ShellError('fg: no current job', 1);
  await shell.print(`${job.command}\n`);
  return wait(shell, [String(job.child.pid)], tools);
};

const changeDirectory: Builtin = async (shell, args) => {
  const given = args.find((each) => !/^-[LPe]+$/.test(each));
  const home = shell.variables.get('HOME') ?? '/root';
  const target = given === '-' ? (shell.variables.get('OLDPWD') ?? shell.cwd) : (given ?? home);
  const path = normalize(absolutePath(shell.cwd, target));
  try {
    if (shell.process.files.stat(path).type !== 'directory') throw new FileError('ENOTDIR', path);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    shell.complain(
      shell.isBash ? `cd: ${target}: ${error.message}` : `cd: can't cd to ${target}: ${error.message}`,
    );
    return shell.isBash ? 1 : 2;
  }
  shell.variables.set('OLDPWD', shell.cwd, { export: true });
  shell.cwd = path;
  shell.variables.set('PWD', path, { export: true });
  if (given === '-') await shell.print(`${path}\n`);
  return 0;
};

/** Without `.` and `..`, as the shell remembers where it went. */
function normalize(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}

/** What a name means: the text for `command -v`, and the words for `type`. */
async function meaning(
  shell: Shell,
  name: string,
  builtins: ReadonlyMap<string, Builtin>,
): Promise<{ short: string; long: string } | undefined> {
  const alias = shell.aliases.get(name);
  if (alias !== undefined)
    return { short: `alias ${name}='${alias}'`, long: `${name} is an alias for ${alias}` };
  if (KEYWORDS.has(name)) return { short: name, long: `${name} is a shell keyword` };
  if (shell.functions.has(name)) return { short: name, long: `${name} is a function` };
  if (builtins.has(name)) return { short: name, long: `${name} is a shell builtin` };
  const file = name.includes('/') ? undefined : searchPath(shell, name);
  if (file !== undefined) return { short: file, long: `${name} is ${file}` };
  if ((await shell.process.findProgram(name)) === undefined) return undefined;
  const path = name.includes('/') ? name : `/bin/${name}`;
  return { short: path, long: `${name} is ${path}` };
}

const KEYWORDS = new Set('if then else elif fi for while until do done case esac in { } ! [['.split(' '));

const type: Builtin = async (shell, args, { builtins }) => {
  let status = 0;
  for (const name of args.filter((each) => !each.startsWith('-'))) {
    const found = await meaning(shell, name, builtins);
    if (found !== undefined) await shell.print(`${found.long}\n`);
    else {
      await shell.printError(`${name}: not found\n`);
      status = 127;
    }
  }
  return status;
};

const command: Builtin = async (shell, args, tools) => {
  const [option] = args;
  if (option === '-v' || option === '-V') {
    const found = await meaning(shell, args[1] ?? '', tools.builtins);
    if (found !== undefined) await shell.print(`${option === '-v' ? found.short : found.long}\n`);
    return found === undefined ? 127 : 0;
  }
  const argv = args.filter((each, index) => index > 0 || (each !== '-p' && each !== '--'));
  const builtin = tools.builtins.get(argv[0] ?? '');
  if (argv.length === 0) return 0;
  return builtin === undefined
    ? tools.runProgram(shell, { argv: [...argv], files: shell.files, isLast: false })
    : builtin(shell, argv.slice(1), tools);
};

const umask: Builtin = async (shell, args) => {
  const given = args.find((each) => !each.startsWith('-'));
  if (given === undefined) await shell.print(`${shell.umask.toString(8).padStart(4, '0')}\n`);
  else if (/^[0-7]{1,4}$/.test(given)) shell.umask = Number.parseInt(given, 8);
  else throw new ShellError(`umask: Illegal number: ${given}`);
  return 0;
};

const ulimit: Builtin = async (shell, args) => {
  if (args.includes('-n') && args.length === 1) await shell.print('1048576\n');
  else if (args.every((each) => each.startsWith('-'))) await shell.print('unlimited\n');
  return 0;
};

const alias: Builtin = async (shell, args) => {
  for (const each of args) {
    const at = each.indexOf('=');
    if (at > 0) shell.aliases.set(each.slice(0, at), each.slice(at + 1));
    else await shell.print(`${each}='${shell.aliases.get(each) ?? ''}'\n`);
  }
  if (args.length > 0) return 0;
  for (const [name, value] of shell.aliases) await shell.print(`${name}='${value}'\n`);
  return 0;
};

const unalias: Builtin = (shell, args) => {
  for (const name of args) shell.aliases.delete(name);
  return 0;
};

const pwd: Builtin = async (shell, args) => {
  await shell.print(`${args.includes('-P') ? shell.process.files.realPath(shell.cwd) : shell.cwd}\n`);
  return 0;
};

const times: Builtin = async (shell) => {
  await shell.print('0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n');
  return 0;
};

export const PROCESS_BUILTINS: readonly (readonly [string, Builtin])[] = [
  ['wait', wait],
  ['trap', trap],
  ['kill', kill],
  ['jobs', jobs],
  ['fg', foreground],
  ['bg', () => 0],
  ['disown', () => 0],
  ['cd', changeDirectory],
  ['pwd', pwd],
  ['type', type],
  ['command', command],
  ['umask', umask],
  ['ulimit', ulimit],
  ['alias', alias],
  ['unalias', unalias],
  ['hash', () => 0],
  ['shopt', () => 0],
  ['enable', () => 0],
  ['times', times],
];
