/** Commands about processes: ps, top, kill, killall, pidof, pgrep, pkill, env, xargs, nohup, and those that do nothing. */

import { type ProcessEntry, type Signal, SIGNAL_NUMBER } from '../process.ts';
import { testArguments } from '../shell/conditions.ts';
import { matchesPattern } from '../shell/pattern.ts';
import { ShellError } from '../shell/parse.ts';
import { signalNamed } from '../shell/traps.ts';
import { command, type Command, CommandFailure, parseOptions, type Programs } from './command.ts';
import { formatDate } from './date.ts';
import { ownerNames } from './owners.ts';
import { echoText, formatText } from './printf.ts';
import { runCommand } from './run-command.ts';

function baseName(entry: ProcessEntry): string {
  return (entry.argv[0] ?? '').split('/').at(-1)!.replace(/^-/, '');
}

type PsColumn = (entry: ProcessEntry, userName: (uid: number) => string) => string;

/** What `ps -o` can show. */
const PS_COLUMNS: Readonly<Record<string, PsColumn>> = {
  pid: ({ pid }) => String(pid),
  ppid: ({ parentPid }) => String(parentPid),
  uid: ({ uid }) => String(uid),
  user: ({ uid }, userName) => userName(uid),
  comm: ({ argv }) => (argv[0] ?? '').replace(/^.*\//, ''),
  args: ({ argv }) => argv.join(' '),
  time: () => '0:00',
  stat: () => 'S',
};
const PS_ALIASES: Readonly<Record<string, string>> = { cmd: 'args', command: 'args', ucmd: 'comm' };

/** The names after `-o`, with commas or on their own; undefined without it. @throws CommandFailure */
function chosenColumns(args: readonly string[]): string[] | undefined {
  const chosen = args.flatMap((arg, at) => {
    if (arg === '-o') return (args[at + 1] ?? '').split(',');
    return arg.startsWith('-o') ? arg.slice(2).split(',') : [];
  });
  if (chosen.length === 0) return undefined;
  return chosen.map((each) => {
    const name = PS_ALIASES[each] ?? each;
    if (PS_COLUMNS[name] === undefined) throw new CommandFailure(`bad -o argument '${each}'`);
    return name;
  });
}

/** Right-aligned numbers, left-aligned words, and the last column as long as it is. */
function psTable(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [names.map((name) => (name === 'args' ? 'COMMAND' : name.toUpperCase())), ...rows];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const cell = (text: string, column: number): string => {
    if (column === names.length - 1) return text;
    return names[column]!.endsWith('id') ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  };
  return lines.map((line) => `${line.map(cell).join(' ')}\n`).join('');
}

const ps = command(async (self) => {
  const owners = ownerNames(self, false);
  const entries = self.process.processes();
  const columns = chosenColumns(self.args);
  if (columns !== undefined) {
    const userName = (uid: number): string => owners.user(uid);
    const rows = entries.map((each) => columns.map((name) => PS_COLUMNS[name]!(each, userName)));
    await self.print(psTable(columns, rows));
    return 0;
  }
  const flags = self.args.join('').replaceAll('-', '');
  const line = ({ argv }: ProcessEntry): string => argv.join(' ');
  if (self.args[0]?.startsWith('-') === true && flags.includes('f')) {
    await self.print('UID        PID  PPID  C STIME TTY          TIME CMD\n');
    for (const each of entries)
      await self.print(
        `${owners.user(each.uid).padEnd(8)} ${String(each.pid).padStart(5)} ${String(each.parentPid).padStart(5)}  0 ${formatDate('%H:%M', each.startedAtMs)} ?        00:00:00 ${line(each)}\n`,
      );
  } else if (flags.includes('u')) {
    await self.print('USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n');
    for (const each of entries)
      await self.print(
        `${owners.user(each.uid).padEnd(8)} ${String(each.pid).padStart(7)}  0.0  0.0   4364  1024 ?        Ss   ${formatDate('%H:%M', each.startedAtMs)}   0:00 ${line(each)}\n`,
      );
  } else {
    await self.print('PID   USER     TIME  COMMAND\n');
    for (const each of entries)
      await self.print(
        `${String(each.pid).padStart(5)} ${owners.user(each.uid).padEnd(8)}  0:00 ${line(each)}\n`,
      );
  }
  return 0;
});

const top = command(async (self) => {
  const options = parseOptions(self.args, 'bn:d:Hp:c');
  const rounds = options.number('n', Infinity);
  const everyMs = Math.max(500, options.number('d', 5) * 1_000);
  const owners = ownerNames(self, false);
  for (let round = 0; round < rounds; round += 1) {
    if (round > 0) await self.sleep(everyMs);
    const entries = self.process.processes();
    const clear = options.has('b') ? '' : '\u001b[H\u001b[J';
    await self.print(
      `${clear}Mem: 4194304K used, 12582912K free, 1184K shrd, 102400K buff, 1843200K cached\nCPU:   1% usr   1% sys   0% nic  98% idle   0% io   0% irq   0% sirq\nLoad average: 0.00 0.00 0.00 1/${entries.length} ${self.process.pid}\n  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND\n`,
    );
    for (const each of entries)
      await self.print(
        `${String(each.pid).padStart(5)} ${String(each.parentPid).padStart(5)} ${owners.user(each.uid).padEnd(8)} ${each.pid === self.process.pid ? 'R' : 'S'}     4364   0%   0   0% ${each.argv.join(' ')}\n`,
      );
  }
  return 0;
});

/** The signal in front of the operands; undefined is 0, which only asks. */
function signalAndOperands(self: Command): { signal: Signal | undefined; operands: string[] } {
  const operands = [...self.args];
  let name = 'TERM';
  if (operands[0] === '-s') name = operands.splice(0, 2)[1] ?? '';
  else if (/^-(?:\d+|[A-Z]+\d?)$/.test(operands[0] ?? '')) name = operands.shift()!.slice(1);
  const signal = name === '0' ? undefined : signalNamed(name);
  if (signal === undefined && name !== '0') throw new CommandFailure(`bad signal name '${name}'`);
  return { signal, operands: operands.filter((each) => each !== '--') };
}

const kill = command(async (self) => {
  if (self.args[0] === '-l') {
    await self.print(
      `${Object.keys(SIGNAL_NUMBER)
        .map((name) => name.slice(3))
        .join('\n')}\n`,
    );
    return 0;
  }
  const { signal, operands } = signalAndOperands(self);
  let status = 0;
  for (const each of operands) {
    const isThere = self.process.processes().some(({ pid }) => String(pid) === each);
    if (signal !== undefined && isThere) self.process.kill(Number(each), signal);
    if (!isThere) status = self.complain(`can't kill pid ${each}: No such process`);
  }
  return status;
});

/** By the name of the program; the one that asks is left out. */
function processesNamed(self: Command, names: readonly string[]): ProcessEntry[] {
  return self.process
    .processes()
    .filter((each) => each.pid !== self.process.pid && names.includes(baseName(each)));
}

const killall = command((self) => {
  const { signal, operands } = signalAndOperands(self);
  let status = 0;
  for (const name of operands.filter((each) => each !== '-q')) {
    const found = processesNamed(self, [name]);
    if (found.length === 0)
      status = self.args.includes('-q') ? 1 : self.complain(`${name}: no process killed`);
    if (signal !== undefined) for (const { pid } of found) self.process.kill(pid, signal);
  }
  return status;
});

const pidof = command(async (self) => {
  const found = processesNamed(self, self.args);
  if (found.length > 0)
    await self.print(
      `${found
        .map(({ pid }) => pid)
        .reverse()
        .join(' ')}\n`,
    );
  return found.length > 0 ? 0 : 1;
});

const pgrep = command(async (self) => {
  const isKill = self.name === 'pkill';
  const { signal, operands } = signalAndOperands(self);
  const flags = operands.filter((each) => each.startsWith('-')).join('');
  const wanted = operands.find((each) => !each.startsWith('-')) ?? '';
  const found = self.process.processes().filter((each) => {
    if (each.pid === self.process.pid) return false;
    const text = flags.includes('f') ? each.argv.join(' ') : baseName(each);
    return flags.includes('x')
      ? text === wanted
      : matchesPattern(`*${wanted.replace(/^\^|\$$/g, '')}*`, text);
  });
  for (const each of found) {
    if (isKill && signal !== undefined) self.process.kill(each.pid, signal);
    if (!isKill)
      await self.print(
        flags.includes('l') || flags.includes('a') ? `${each.pid} ${each.argv.join(' ')}\n` : `${each.pid}\n`,
      );
  }
  return found.length > 0 ? 0 : 1;
});

const env = command(async (self) => {
  const options = parseOptions(self.args, 'i0u:', { 'ignore-environment': 'i', unset: 'u', null: '0' }, true);
  const environment = options.has('i') ? new Map<string, string>() : new Map(self.process.env);
  for (const name of options.values('u')) environment.delete(name);
  let at = 0;
  for (; /^[^=]+=/.test(options.operands[at] ?? ''); at += 1) {
    const [name, value] = options.operands[at]!.split(/=(.*)/s);
    environment.set(name!, value!);
  }
  const argv = options.operands.slice(at);
  if (argv.length > 0) return self.wait((await runCommand(self, argv, { env: environment })).ended);
  const end = options.has('0') ? '\0' : '\n';
  for (const [name, value] of environment) await self.print(`${name}=${value}${end}`);
  return 0;
});

const printenv = command(async (self) => {
  const names = self.args.filter((each) => !each.startsWith('-'));
  if (names.length === 0)
    for (const [name, value] of self.process.env) await self.print(`${name}=${value}\n`);
  let status = 0;
  for (const name of names) {
    const value = self.process.env.get(name);
    if (value === undefined) status = 1;
    else await self.print(`${value}\n`);
  }
  return status;
});

/** Words per command when nothing else is said, as busybox's limit of the command line allows. */
const MOST_WORDS = 4_096;

const xargs = command(async (self) => {
  const options = parseOptions(
    self.args,
    '0n:I:L:P:rtd:s:pi',
    { null: '0', 'max-args': 'n', 'no-run-if-empty': 'r', replace: 'I', delimiter: 'd' },
    true,
  );
  const text = await self.readText(self.process.stdin);
  const place = options.value('I');
  const delimiter = options.has('0') ? '\0' : options.value('d')?.replace('\\n', '\n');
  const lines = text.split('\n').filter((each) => each.trim() !== '');
  const words =
    delimiter === undefined
      ? place === undefined
        ? splitWords(text)
        : lines.map((each) => each.trim())
      : text.split(delimiter).filter((each) => each !== '');
  const argv = options.operands.length === 0 ? ['echo'] : [...options.operands];
  const batches: string[][] = [];
  if (place !== undefined) {
    for (const word of words) batches.push(argv.map((each) => each.replaceAll(place, word)));
  } else {
    const size = Math.max(1, options.has('L') ? options.number('L', 1) : options.number('n', MOST_WORDS));
    const items = options.has('L') ? lines : words;
    for (let at = 0; at < items.length; at += size) {
      const batch = items.slice(at, at + size);
      batches.push([...argv, ...(options.has('L') ? batch.flatMap(splitWords) : batch)]);
    }
    // Without input the command is run once all the same, as POSIX says.
    if (words.length === 0 && !options.has('r')) batches.push(argv);
  }
  let status = 0;
  for (const batch of batches) {
    if (options.has('t')) await self.printError(`${batch.join(' ')}\n`);
    const ended = await self.wait((await runCommand(self, batch)).ended);
    if (ended === 255) return 124;
    if (ended !== 0) status = 123;
  }
  return status;
});

/** By blanks, but for what is quoted. */
function splitWords(text: string): string[] {
  return Array.from(text.matchAll(/(?:[^\s'"\\]|\\[\s\S]|"[^"]*"|'[^']*')+/g), ([word]) =>
    word.replaceAll(
      /\\([\s\S])|"([^"]*)"|'([^']*)'/g,
      (_, escaped?: string, double?: string, single?: string) => escaped ?? double ?? single ?? '',
    ),
  );
}

const nohup = command(async (self) => {
  const child = await runCommand(self, self.args);
  return self.wait(child.ended);
});

const echo = command(async (self) => {
  await self.print(echoText(self.args));
  return 0;
});

const printf = command(async (self) => {
  const [format, ...args] = self.args;
  if (format === undefined) throw new CommandFailure('missing operand');
  const { text, problems } = formatText(format, args);
  await self.print(text);
  for (const problem of problems) self.complain(problem);
  return problems.length === 0 ? 0 : 1;
});

const test = command((self) => {
  const isBracket = self.name === '[';
  if (isBracket && self.args.at(-1) !== ']') throw new CommandFailure('missing ]', 2);
  const { process } = self;
  try {
    const asker = { process, cwd: process.cwd, isSet: (name: string) => process.env.has(name) };
    return testArguments(asker, isBracket ? self.args.slice(0, -1) : self.args) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    throw new CommandFailure(error.message, 2);
  }
});

const pwd = command(async (self) => {
  await self.print(`${self.process.cwd}\n`);
  return 0;
});

export const PROCESS_PROGRAMS: Programs = {
  ps,
  top,
  kill,
  killall,
  pidof,
  pgrep,
  pkill: pgrep,
  env,
  printenv,
  xargs,
  nohup,
  setsid: nohup,
  nice: nohup,
  echo,
  printf,
  test,
  '[': test,
  pwd,
  true: command(() => 0),
  false: command(() => 1),
};
