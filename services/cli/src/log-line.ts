/** Lines of logs: understood, whoever wrote them, and made readable. */

import { SUPERVISOR } from './supervisor/process-spec.ts';

/** A line of a log. */
export interface LogLine {
  /** The process whose log it is. */
  readonly source: string;
  /** Epoch milliseconds; undefined for a line without a time, such as one of a stack trace. */
  readonly timeMs: number | undefined;
  readonly level: string;
  readonly message: string;
  /** What else it says. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The levels of pino, of Redis (`.-*#`) and of NATS. */
const LEVELS: Readonly<Record<string, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
  '.': 'debug',
  '-': 'debug',
  '*': 'info',
  '#': 'warn',
  TRC: 'trace',
  DBG: 'debug',
  INF: 'info',
  WRN: 'warn',
  ERR: 'error',
  FTL: 'fatal',
};

/** What every line of a service says, and the name of its log as well. */
const REPEATED = new Set(['service', 'instance', 'hostname', 'pid']);

const REDIS_LINE = /^\d+:[A-Z] (\d+ \w{3} \d{4} [\d:.]+) ([-.*#]) (.*)$/;
const NATS_LINE = /^\[\d+\] (\d{4}\/\d\d\/\d\d [\d:]+(?:\.\d{1,3})?)\d* \[([A-Z]{3})\] (.*)$/;

/** Understands a line; one of no known form is all message. */
export function parseLogLine(source: string, text: string): LogLine {
  const json = parseJsonLine(source, text);
  if (json !== undefined) return json;
  const match = REDIS_LINE.exec(text) ?? NATS_LINE.exec(text);
  const timeMs = match === null ? NaN : Date.parse(match[1] ?? '');
  if (match === null || Number.isNaN(timeMs)) {
    return { source, timeMs: undefined, level: 'info', message: text, fields: {} };
  }
  return { source, timeMs, level: LEVELS[match[2] ?? ''] ?? 'info', message: match[3] ?? '', fields: {} };
}

function parseJsonLine(source: string, text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { time, level, msg, ...others } = value as Record<string, unknown>;
  if (typeof time !== 'number') return undefined;
  // The supervisor is not in its own lines: their pid is that of the process they are about.
  const fields = source === SUPERVISOR ? others : withoutRepeated(others);
  return {
    source,
    timeMs: time,
    level: LEVELS[String(level)] ?? 'info',
    message: typeof msg === 'string' ? msg : '',
    fields,
  };
}

function withoutRepeated(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !REPEATED.has(name)));
}

const COLOURS: Readonly<Record<string, string>> = {
  trace: '\u001B[2m',
  debug: '\u001B[2m',
  info: '\u001B[32m',
  warn: '\u001B[33m',
  error: '\u001B[31m',
  fatal: '\u001B[31m',
};
const DIM = '\u001B[2m';
const PLAIN = '\u001B[0m';

export interface PrettyOptions {
  readonly colour: boolean;
  /** Width of the column of names; 0 leaves names out. */
  readonly nameWidth: number;
}

/** A line for people: time, level, name, message, then fields as `name=value`; a stack trace below. */
export function prettyLine(line: LogLine, { colour, nameWidth }: PrettyOptions): string {
  const paint = (code: string, text: string): string => (colour ? `${code}${text}${PLAIN}` : text);
  const time = line.timeMs === undefined ? ' '.repeat(12) : paint(DIM, timeOfDay(line.timeMs));
  const level = line.timeMs === undefined ? ' '.repeat(5) : line.level.toUpperCase().padEnd(5);
  const name = nameWidth === 0 ? '' : ` ${line.source.padEnd(nameWidth)}`;
  const { err, ...fields } = line.fields;
  const shown = Object.entries(fields).map(([key, value]) => `${paint(DIM, `${key}=`)}${fieldText(value)}`);
  const head = [time, `${paint(COLOURS[line.level] ?? '', level)}${name}`, line.message, ...shown]
    .join(' ')
    .trimEnd();
  return err === undefined ? head : `${head}\n${indent(errorText(err))}`;
}

/** The time of day where the user is. */
function timeOfDay(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (part: number): string => String(part).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function fieldText(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function errorText(error: unknown): string {
  if (typeof error === 'string') return error;
  const { stack, message } = error as { stack?: unknown; message?: unknown };
  if (typeof stack === 'string') return stack;
  return typeof message === 'string' ? message : JSON.stringify(error);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}

/** A line as the services write them: one JSON object, with the same names. */
export function jsonLine(line: LogLine): string {
  const { timeMs, source, level, message, fields } = line;
  return JSON.stringify({ level, time: timeMs, service: source, ...fields, msg: message });
}
