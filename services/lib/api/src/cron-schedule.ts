/**
 * The schedules of CronJobs: five fields or a descriptor, as `robfig/cron` v3 reads them, which
 * upstream uses. Pure: times are epoch ms, zones names of the IANA database.
 */

/** Bit n stands for the value n. */
interface Field {
  readonly bits: number;
  readonly high: number;
  /** Given as `*` or `?`. */
  readonly isAny: boolean;
}

interface Fields {
  readonly minute: Field;
  readonly hour: Field;
  readonly dayOfMonth: Field;
  readonly month: Field;
  readonly dayOfWeek: Field;
}

/** `@every`: an interval instead of fields. */
interface Every {
  readonly everyMs: number;
}

export interface CronSchedule {
  /** What `TZ=` in front of the fields says; undefined when nothing. */
  readonly timeZone: string | undefined;
  readonly when: Fields | Every;
}

/** What is wrong with a schedule, in the words of the library that upstream uses. */
export class CronSyntaxError extends Error {}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: Readonly<Record<string, number>>;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const MINUTES: Bounds = { min: 0, max: 59 };
const HOURS: Bounds = { min: 0, max: 23 };
const DAYS_OF_MONTH: Bounds = { min: 1, max: 31 };
const MONTHS_OF_YEAR: Bounds = {
  min: 1,
  max: 12,
  names: Object.fromEntries(MONTHS.map((name, index) => [name, index + 1])),
};
const DAYS_OF_WEEK: Bounds = {
  min: 0,
  max: 6,
  names: Object.fromEntries(DAYS.map((name, index) => [name, index])),
};

const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** A schedule is never longer than this; parsing costs no more than its length. */
const LONGEST = 1_024;

/** @throws CronSyntaxError */
export function parseCron(text: string): CronSchedule {
  if (text === '') throw new CronSyntaxError('empty spec string');
  if (text.length > LONGEST) throw new CronSyntaxError(`longer than ${LONGEST} characters`);
  const zoned = /^(?:TZ|CRON_TZ)=(\S*)\s*(.*)$/s.exec(text);
  const timeZone = zoned?.[1];
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    throw new CronSyntaxError(`provided bad location ${timeZone}: unknown time zone ${timeZone}`);
  }
  const rest = zoned === null ? text : zoned[2]!;
  return { timeZone, when: rest.startsWith('@') ? parseDescriptor(rest) : parseFields(rest) };
}

/** Whether the name is one of the IANA database. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).format(0);
    return true;
  } catch {
    return false;
  }
}

function parseDescriptor(text: string): Fields | Every {
  if (Object.hasOwn(DESCRIPTORS, text)) return parseFields(DESCRIPTORS[text]!);
  if (!text.startsWith('@every ')) throw new CronSyntaxError(`unrecognized descriptor: ${text}`);
  const everyMs = durationMs(text.slice('@every '.length));
  if (everyMs === undefined) {
    const quoted = JSON.stringify(text.slice('@every '.length));
    throw new CronSyntaxError(`failed to parse duration ${text}: time: invalid duration ${quoted}`);
  }
  // Whole seconds, at least one, as the library rounds.
  return { everyMs: Math.max(1_000, Math.trunc(everyMs / 1_000) * 1_000) };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `1h30m` and the like. */
function durationMs(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    sum += Number(amount) * UNIT_MS[unit!]!;
  }
  return sum;
}

function parseFields(text: string): Fields {
  const parts = text.split(/\s+/).filter((each) => each !== '');
  if (parts.length !== 5) {
    throw new CronSyntaxError(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`);
  }
  const [minute, hour, dayOfMonth, month, dayOfWeek] = parts as [string, string, string, string, string];
  return {
    minute: parseField(minute, MINUTES),
    hour: parseField(hour, HOURS),
    dayOfMonth: parseField(dayOfMonth, DAYS_OF_MONTH),
    month: parseField(month, MONTHS_OF_YEAR),
    dayOfWeek: parseField(dayOfWeek, DAYS_OF_WEEK),
  };
}

function parseField(text: string, bounds: Bounds): Field {
  const values = new Set<number>();
  let isAny = false;
  for (const part of text.split(',').filter((each) => each !== '')) {
    const range = parseRange(part, bounds);
    isAny ||= range.isAny;
    for (let value = range.start; value <= range.end; value += range.step) values.add(value);
  }
  let bits = 0;
  let high = 0;
  for (const value of values) {
    if (value < 31) bits |= 1 << value;
    else high |= 1 << (value - 31);
  }
  return { bits, high, isAny };
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly step: number;
  readonly isAny: boolean;
}

/** `*`, `?`, `5`, `1-5`, and each with `/step`. */
function parseRange(text: string, bounds: Bounds): Range {
  const [span, stepText, ...tooMany] = text.split('/');
  if (tooMany.length > 0) throw new CronSyntaxError(`too many slashes: ${text}`);
  const [low, high, ...more] = span!.split('-');
  if (more.length > 0) throw new CronSyntaxError(`too many hyphens: ${text}`);
  const isStar = low === '*' || low === '?';
  const start = isStar ? bounds.min : parseValue(low!, bounds);
  let end = isStar ? bounds.max : high === undefined ? start : parseValue(high, bounds);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  // `5/15` means from 5 to the end.
  if (stepText !== undefined && high === undefined) end = bounds.max;
  if (start < bounds.min) {
    throw new CronSyntaxError(`beginning of range (${start}) below minimum (${bounds.min}): ${text}`);
  }
  if (end > bounds.max) {
    throw new CronSyntaxError(`end of range (${end}) above maximum (${bounds.max}): ${text}`);
  }
  if (start > end) {
    throw new CronSyntaxError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  }
  if (step === 0) throw new CronSyntaxError(`step of range should be a positive number: ${text}`);
  return { start, end, step, isAny: isStar && step === 1 };
}

function parseValue(text: string, { names }: Bounds): number {
  const name = text.toLowerCase();
  return names !== undefined && Object.hasOwn(names, name) ? names[name]! : parseNumber(text);
}

function parseNumber(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    const quoted = JSON.stringify(text);
    throw new CronSyntaxError(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${quoted}: invalid syntax`,
    );
  }
  if (text.startsWith('-'))
    throw new CronSyntaxError(`negative number (${Number(text)}) not allowed: ${text}`);
  return Number(text);
}

function has({ bits, high }: Field, value: number): boolean {
  return value < 31 ? (bits & (1 << value)) !== 0 : (high & (1 << (value - 31))) !== 0;
}

/** Either day may match when both are restricted, else both must. */
function matchesDay({ dayOfMonth, dayOfWeek }: Fields, day: number, weekday: number): boolean {
  const inMonth = has(dayOfMonth, day);
  const inWeek = has(dayOfWeek, weekday);
  return dayOfMonth.isAny || dayOfWeek.isAny ? inMonth && inWeek : inMonth || inWeek;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Beyond this there is no day like 30 February. */
const HORIZON_MS = 5 * 366 * DAY_MS;

/**
 * The first time after `afterMs`, epoch ms; undefined for a schedule that never comes true.
 * Local times that a change of the clocks leaves out are passed over.
 */
export function nextTime(
  { when, timeZone }: CronSchedule,
  afterMs: number,
  zone?: string,
): number | undefined {
  if ('everyMs' in when) return Math.trunc(afterMs / 1_000) * 1_000 + when.everyMs;
  const clock = localClock(timeZone ?? zone ?? 'UTC');
  let atMs = (Math.trunc(afterMs / MINUTE_MS) + 1) * MINUTE_MS;
  const limitMs = atMs + HORIZON_MS;
  while (atMs <= limitMs) {
    const local = new Date(atMs + clock.offsetMs(atMs));
    if (!has(when.month, local.getUTCMonth() + 1)) {
      atMs = clock.startOf(Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 1, 1), atMs);
    } else if (!matchesDay(when, local.getUTCDate(), local.getUTCDay())) {
      const midnight = Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() + 1);
      atMs = clock.startOf(midnight, atMs);
    } else if (!has(when.hour, local.getUTCHours())) {
      atMs += HOUR_MS - (local.getTime() % HOUR_MS);
    } else if (!has(when.minute, local.getUTCMinutes())) {
      atMs += MINUTE_MS;
    } else return atMs;
  }
  return undefined;
}

interface LocalClock {
  /** What local time is ahead of UTC at an instant. */
  offsetMs(atMs: number): number;
  /** The first instant, after `atMs`, whose local time is `localMs` or, where that is left out, what follows. */
  startOf(localMs: number, atMs: number): number;
}

const clocks = new Map<string, LocalClock>();
/** More zones than there are. */
const MAX_CLOCKS = 1_000;

function localClock(zone: string): LocalClock {
  let clock = clocks.get(zone);
  if (clock === undefined) {
    if (clocks.size >= MAX_CLOCKS) clocks.clear();
    clocks.set(zone, (clock = makeClock(zone)));
  }
  return clock;
}

function makeClock(zone: string): LocalClock {
  if (zone === 'UTC' || zone === 'Etc/UTC') return { offsetMs: () => 0, startOf: (localMs) => localMs };
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const offsetMs = (atMs: number): number => {
    const parts = new Map<string, number>(
      format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]),
    );
    const part = (type: string): number => parts.get(type) ?? 0;
    const localMs = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    );
    return localMs - Math.trunc(atMs / 1_000) * 1_000;
  };
  return {
    offsetMs,
    startOf(localMs, atMs) {
      const guess = localMs - offsetMs(atMs);
      const corrected = localMs - offsetMs(guess);
      // Before a jump forwards the corrected guess may lie before it: the later one is the first that exists.
      const result = corrected + offsetMs(corrected) < localMs ? Math.max(guess, corrected) : corrected;
      return Math.max(result, atMs + MINUTE_MS);
    },
  };
}
