/** Reads the text of a behaviour annotation. Its fields are a table; each checks its own value. */

import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import type { Behavior, Course, HttpAnswer, LogLine, ParsedBehavior } from './behavior.ts';
import { isQuantity, milliValue, wholeValue } from './quantity.ts';

/** An annotation longer than this is not read. */
const MAX_TEXT_LENGTH = 8_192;
/** The parser takes time to the fifth power of keys that are announced by a question mark. */
const MAX_QUESTION_MARKS = 40;
/** Problems beyond these are not told. */
const MAX_PROBLEMS = 10;
const MAX_LIST_LENGTH = 100;
/** A year; longer is for ever. */
const MAX_SECONDS = 366 * 24 * 3_600;
/** Shorter periods would keep the agent busy with nothing but that. */
const MIN_PERIOD_SECONDS = 0.01;

/** A value that cannot be used. `way` says what can. */
class FieldProblem extends Error {
  constructor(path: string, way: string) {
    super(`${path}: ${way}`);
  }
}

type Check<T> = (value: unknown, path: string) => T;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 40 ? text : `${text.slice(0, 40)}...`;
}

function numberBetween(least: number, most: number, what: string): Check<number> {
  return (value, path) => {
    if (typeof value === 'number' && value >= least && value <= most) return value;
    throw new FieldProblem(path, `${shown(value)} is not ${what}`);
  };
}

function wholeBetween(least: number, most: number, what: string): Check<number> {
  const check = numberBetween(least, most, what);
  return (value, path) => {
    if (Number.isInteger(value)) return check(value, path);
    throw new FieldProblem(path, `${shown(value)} is not ${what}`);
  };
}

const seconds = numberBetween(0, MAX_SECONDS, `a number of seconds from 0 to ${MAX_SECONDS}, such as 2.5`);
const period = numberBetween(
  MIN_PERIOD_SECONDS,
  MAX_SECONDS,
  `a number of seconds from ${MIN_PERIOD_SECONDS} to ${MAX_SECONDS}, such as 5`,
);
const exitCode = wholeBetween(0, 255, 'an exit code from 0 to 255');
const port = wholeBetween(1, 65_535, 'a port from 1 to 65535');
const status = wholeBetween(100, 599, 'an HTTP status from 100 to 599');

function text(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new FieldProblem(path, `${shown(value)} is not text; put it in quotes`);
}

function listOf<T>(check: Check<T>): Check<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new FieldProblem(path, `${shown(value)} is not a list; write [a, b]`);
    if (value.length > MAX_LIST_LENGTH) throw new FieldProblem(path, `more than ${MAX_LIST_LENGTH} entries`);
    return value.map((each, index) => check(each, `${path}[${index}]`));
  };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function entriesOf(value: unknown, path: string, example: string): [string, unknown][] {
  if (!isMap(value)) throw new FieldProblem(path, `${shown(value)} is not a map; write ${example}`);
  const entries = Object.entries(value);
  if (entries.length > MAX_LIST_LENGTH) throw new FieldProblem(path, `more than ${MAX_LIST_LENGTH} entries`);
  return entries;
}

/** A map with known keys. */
function record<T extends object>(
  fields: { readonly [K in keyof T]-?: Check<NonNullable<T[K]>> },
  example: string,
): Check<Partial<T>> {
  return (value, path) => {
    const read: Partial<T> = {};
    for (const [key, each] of entriesOf(value, path, example)) {
      if (!Object.hasOwn(fields, key)) {
        throw new FieldProblem(`${path}.${key}`, `unknown key; known are ${Object.keys(fields).join(', ')}`);
      }
      read[key as keyof T] = fields[key as keyof T](each, `${path}.${key}`);
    }
    return read;
  };
}

function mapOf<K, V>(key: Check<K>, check: Check<V>, example: string): Check<Map<K, V>> {
  return (value, path) =>
    new Map(
      entriesOf(value, path, example).map(([name, each]) => {
        const inner = `${path}.${name}`;
        return [key(name, inner), check(each, inner)];
      }),
    );
}

function portKey(name: unknown, path: string): number {
  return port(Number(name), path);
}

function pathKey(name: unknown, path: string): string {
  if (typeof name === 'string' && name.startsWith('/')) return name;
  throw new FieldProblem(path, `${shown(name)} is not a path; it begins with /`);
}

interface Unit {
  valueOf: (quantity: string) => number;
  most: number;
  example: string;
}

const CPU: Unit = { valueOf: milliValue, most: 2 ** 32 - 1, example: '250m' };
const MEMORY: Unit = { valueOf: wholeValue, most: Number.MAX_SAFE_INTEGER, example: '64Mi' };

function quantity({ valueOf, most, example }: Unit): Check<number> {
  return (value, path) => {
    const amount = typeof value === 'number' ? String(value) : value;
    if (typeof amount === 'string' && isQuantity(amount)) {
      const read = valueOf(amount);
      if (read >= 0 && read <= most) return read;
    }
    throw new FieldProblem(
      path,
      `${shown(value)} is not an amount that a container can use; write a quantity such as ${example}`,
    );
  };
}

/** A quantity, or `{from, to, seconds}`. */
function course(unit: Unit): Check<Course> {
  const amount = quantity(unit);
  const example = `{from: 0, to: ${unit.example}, seconds: 60}`;
  const ramp = record<Course>({ from: amount, to: amount, seconds }, example);
  return (value, path) => {
    if (!isMap(value)) {
      const constant = amount(value, path);
      return { from: constant, to: constant, seconds: 0 };
    }
    const { from, to, seconds } = ramp(value, path);
    if (from === undefined || to === undefined || seconds === undefined)
      throw new FieldProblem(path, `a ramp has from, to and seconds; write ${example}`);
    return { from, to, seconds };
  };
}

const answerFields = record<HttpAnswer>(
  {
    status,
    body: text,
    headers: (value, path) => {
      const headers = mapOf(text, text, '{Content-Type: text/html}')(value, path);
      for (const [name, content] of headers) {
        if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(content))
          throw new FieldProblem(`${path}.${name}`, 'not a header that HTTP allows');
      }
      return Object.fromEntries(headers);
    },
    delaySeconds: seconds,
  },
  '{status: 200, body: hello}',
);

/** A status, or `{status, body, headers, delaySeconds}`. */
function httpAnswer(value: unknown, path: string): HttpAnswer {
  return isMap(value) ? { status: 200, ...answerFields(value, path) } : { status: status(value, path) };
}

const logFields = record<LogLine>({ line: text, everySeconds: period }, '{line: tick, everySeconds: 5}');

/** Text, or `{line, everySeconds}`. */
function logLine(value: unknown, path: string): LogLine {
  if (!isMap(value)) return { line: text(value, path) };
  const { line, ...when } = logFields(value, path);
  if (line === undefined)
    throw new FieldProblem(path, 'a line is missing; write {line: tick, everySeconds: 5}');
  return { line, ...when };
}

function health(value: unknown, path: string): 'SERVING' | 'NOT_SERVING' {
  if (value === 'SERVING' || value === 'NOT_SERVING') return value;
  throw new FieldProblem(path, `${shown(value)} is not a health; write SERVING or NOT_SERVING`);
}

const terminationFields = record<{ seconds: number; exitCode: number }>(
  { seconds, exitCode },
  'ignore, or {seconds: 3, exitCode: 0}',
);

function termination(value: unknown, path: string): NonNullable<Behavior['termination']> {
  return value === 'ignore' ? value : { seconds: 0, exitCode: 0, ...terminationFields(value, path) };
}

const behavior = record<Behavior>(
  {
    startupSeconds: seconds,
    readySeconds: seconds,
    runSeconds: seconds,
    exitCode,
    crashSeconds: listOf(seconds),
    crashExitCode: exitCode,
    cpu: course(CPU),
    memory: course(MEMORY),
    cpuSecondsPerRequest: seconds,
    http: mapOf(portKey, mapOf(pathKey, httpAnswer, '{/: 200}'), '{8080: {/: 200}}'),
    tcp: listOf(port),
    grpc: mapOf(portKey, health, '{5000: SERVING}'),
    logs: listOf(logLine),
    termination,
  },
  '{runSeconds: 10}',
);

/** Two servers cannot listen on one port. */
function checkPorts({ http, tcp = [], grpc }: Behavior, path: string): void {
  const seen = new Set<number>();
  for (const each of [...(http?.keys() ?? []), ...tcp, ...(grpc?.keys() ?? [])]) {
    if (seen.has(each))
      throw new FieldProblem(path, `port ${each} is used twice; keep it in one of http, tcp and grpc`);
    seen.add(each);
  }
}

/** Loaded with the first annotation: it costs a start 50 ms, and few processes see one. */
let yaml: typeof Yaml | undefined;

/** @throws Error with what is wrong and where. */
function readYaml(source: string): unknown {
  yaml ??= createRequire(import.meta.url)('yaml') as typeof Yaml;
  const document = yaml.parseDocument(source, { logLevel: 'silent' });
  const [error] = document.errors;
  // What follows the first line is the text itself, and where in it.
  if (error !== undefined) throw new Error(`not YAML: ${error.message.replace(/:?\n[^]*$/, '')}`);
  // No aliases: with them, a short text can mean a very large one.
  return document.toJS({ maxAliasCount: 0 });
}

/** As parseBehavior, each time anew. */
export function parseBehaviorText(source: string): ParsedBehavior {
  const behaviors = new Map<string, Behavior | undefined>();
  const problems: string[] = [];
  try {
    if (source.length > MAX_TEXT_LENGTH)
      throw new Error(`longer than ${MAX_TEXT_LENGTH} characters; say less`);
    if (source.split('?', MAX_QUESTION_MARKS + 2).length > MAX_QUESTION_MARKS + 1)
      throw new Error(`more than ${MAX_QUESTION_MARKS} question marks; say less`);
    for (const [name, value] of entriesOf(readYaml(source), '', '{web: {runSeconds: 10}}')) {
      try {
        const read = behavior(value ?? {}, name);
        checkPorts(read, name);
        behaviors.set(name, read);
      } catch (error) {
        // Not even what `*` says: the container does what it would without the annotation.
        behaviors.set(name, undefined);
        if (problems.length < MAX_PROBLEMS) problems.push((error as Error).message);
      }
    }
  } catch (error) {
    problems.push((error as Error).message.replace(/^: /, ''));
  }
  return { behaviors, problems };
}
