/** Commands about time: sleep, date, timeout, time, watch, uptime. */

import { command, type Command, CommandFailure, parseOptions, type Programs } from './command.ts';
import { formatDate, parseDate } from './date.ts';
import { parseDuration } from './duration.ts';
import { runCommand } from './run-command.ts';

/** Longer than any cluster lives, in milliseconds. */
const FOR_EVER_MS = 1e13;

/** Wakes at the moment that was planned, also when the agent was away meanwhile. */
const sleep = command(async (self) => {
  if (self.args.length === 0) throw new CommandFailure('missing operand');
  let totalMs = 0;
  for (const each of self.args) totalMs += parseDuration(each);
  const { clock, progress } = self.process;
  const saved = progress.saved as { untilMs?: number } | undefined;
  const untilMs = saved?.untilMs ?? clock.now() + Math.min(totalMs, FOR_EVER_MS);
  if (untilMs - clock.now() >= WORTH_SAVING_MS) progress.save({ untilMs });
  await self.sleep(untilMs - clock.now());
  return 0;
});

/** A shorter sleep is simply slept again. */
const WORTH_SAVING_MS = 500;

const ISO_FORMATS: Readonly<Record<string, string>> = {
  date: '%Y-%m-%d',
  hours: '%Y-%m-%dT%H%:z',
  minutes: '%Y-%m-%dT%H:%M%:z',
  seconds: '%Y-%m-%dT%H:%M:%S%:z',
  ns: '%Y-%m-%dT%H:%M:%S,%N%:z',
};

const date = command(async (self) => {
  const args = self.args.map((each) =>
    each
      .replace(/^-I(.*)$/, '--iso-8601=$1')
      .replace(/^--rfc-3339=(.*)$/, (_, how: string) => `+${RFC_3339[how] ?? ''}`),
  );
  const options = parseOptions(args, 'uRI:d:r:s:D:', {
    utc: 'u',
    universal: 'u',
    'iso-8601': 'I',
    date: 'd',
    reference: 'r',
    'rfc-2822': 'R',
    'rfc-email': 'R',
    set: 's',
  });
  if (options.has('s')) throw new CommandFailure("can't set date: Operation not permitted");
  const reference = options.value('r');
  const given = options.value('d');
  let atMs = self.process.clock.now();
  if (reference !== undefined) atMs = self.process.files.stat(self.path(reference)).modifiedAtMs;
  else if (given !== undefined) atMs = parseDate(given, atMs) ?? invalidDate(given);
  const [format] = options.operands;
  const iso = options.value('I');
  const pattern = options.has('R')
    ? '%a, %d %b %Y %H:%M:%S %z'
    : iso !== undefined
      ? (ISO_FORMATS[iso || 'date'] ?? ISO_FORMATS['seconds']!)
      : (format?.replace(/^\+/, '') ?? '%a %b %e %H:%M:%S %Z %Y');
  await self.print(`${formatDate(pattern, atMs)}\n`);
  return 0;
});

const RFC_3339: Readonly<Record<string, string>> = {
  date: '%Y-%m-%d',
  seconds: '%Y-%m-%d %H:%M:%S%:z',
  ns: '%Y-%m-%d %H:%M:%S.%N%:z',
};

function invalidDate(text: string): never {
  throw new CommandFailure(`invalid date '${text}'`);
}

const timeout = command(async (self) => {
  const options = parseOptions(
    self.args,
    's:k:t:',
    { signal: 's', 'kill-after': 'k', foreground: 't' },
    true,
  );
  let operands = options.operands;
  const old = options.value('t');
  const limit = old ?? operands[0];
  if (old === undefined) operands = operands.slice(1);
  if (limit === undefined || operands.length === 0) throw new CommandFailure('missing operand', 125);
  const limitMs = parseDuration(limit);
  const child = await runCommand(self, operands);
  const over = new AbortController();
  const late = self.process.clock
    .sleep(limitMs || Infinity, AbortSignal.any([over.signal, self.process.killed]))
    .then(() => 'late' as const);
  const first = await self.wait(Promise.race([child.ended, late]));
  over.abort();
  if (first !== 'late') return first;
  self.process.kill(child.pid, options.value('s')?.endsWith('KILL') === true ? 'SIGKILL' : 'SIGTERM');
  const ended = await self.wait(child.ended);
  return ended === 137 ? 137 : old === undefined ? 124 : 143;
}, 125);

const time = command(async (self) => {
  const { clock } = self.process;
  const startedAtMs = clock.now();
  const child = await runCommand(
    self,
    self.args.filter((each, index) => index > 0 || each !== '-p'),
  );
  const status = await self.wait(child.ended);
  const elapsedMs = clock.now() - startedAtMs;
  const minutes = Math.floor(elapsedMs / 60_000);
  await self.printError(
    `real\t${minutes}m ${((elapsedMs / 1_000) % 60).toFixed(2)}s\nuser\t0m 0.00s\nsys\t0m 0.00s\n`,
  );
  return status;
});

/** Until it is stopped. */
const watch = command(async (self) => {
  const options = parseOptions(self.args, 'n:tdegxc', { interval: 'n', 'no-title': 't', exec: 'x' }, true);
  const everyMs = Math.max(100, parseDuration(options.value('n') ?? '2'));
  const argv = options.has('x') ? options.operands : ['sh', '-c', options.operands.join(' ')];
  if (options.operands.length === 0) throw new CommandFailure('missing operand');
  for (;;) {
    const title = `Every ${(everyMs / 1_000).toFixed(1)}s: ${options.operands.join(' ')}`;
    const at = formatDate('%Y-%m-%d %H:%M:%S', self.process.clock.now());
    await self.print(`\u001b[H\u001b[J${options.has('t') ? '' : `${title.padEnd(60)}${at}\n\n`}`);
    const child = await runCommand(self, argv);
    await self.wait(child.ended);
    await self.sleep(everyMs);
  }
});

const uptime = command(async (self) => {
  const { clock, startedAtMs } = self.process;
  const first = self.process.processes()[0]?.startedAtMs ?? startedAtMs;
  const minutes = Math.floor((clock.now() - first) / 60_000);
  const days = Math.floor(minutes / 1_440);
  const hours = `${Math.floor((minutes % 1_440) / 60)}:${String(minutes % 60).padStart(2, '0')}`;
  const up =
    days > 0 ? `${days} day${days > 1 ? 's' : ''}, ${hours}` : minutes < 60 ? `${minutes} min` : hours;
  await self.print(` ${formatDate('%H:%M:%S', clock.now())} up ${up},  load average: 0.00, 0.00, 0.00\n`);
  return 0;
});

export const TIME_PROGRAMS: Programs = {
  sleep,
  usleep: command(microSleep),
  date,
  timeout,
  time,
  watch,
  uptime,
};

async function microSleep(self: Command): Promise<number> {
  await self.sleep(Number(self.args[0] ?? 0) / 1_000);
  return 0;
}
