/** Configuration from the environment: the only place of a service that reads it is its config.ts. */

import { type CleanedEnv, customCleanEnv, EnvMissingError, makeValidator, type ValidatorSpec } from 'envalid';
import { type ClockAnchor, MAX_RATE, parseClockAnchor, REAL_TIME } from './cluster-clock.ts';

/** Every problem of a configuration at once. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** A number from `min` to `max`, written in digits alone. */
export const wholeNumber = (min: number, max: number = Number.MAX_SAFE_INTEGER) =>
  makeValidator<number>((text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new Error(`must be a whole number from ${min} to ${max}`);
    return value;
  });

/** A TCP port; 0 for any that is free. */
export const port = wholeNumber(0, 65_535);

export const milliseconds = wholeNumber(0);

/** Any text but none. */
export const nonEmpty = makeValidator<string>((text) => {
  if (text === '') throw new Error('must not be empty');
  return text;
});

/** Any text that nothing is wrong with; `problemOf` says what is. */
export const checkedText = (problemOf: (text: string) => string | undefined) =>
  makeValidator<string>((text) => {
    const problem = problemOf(text);
    if (problem !== undefined) throw new Error(problem);
    return text;
  });

/** A URL of any scheme, as text. */
export const url = makeValidator<string>((text) => {
  if (!URL.canParse(text)) throw new Error('must be a URL');
  return text;
});

export const hostAndPort = makeValidator<string>((text) => {
  if (!/^[^:\s]+:\d+$/.test(text)) throw new Error('must be HOST:PORT');
  return text;
});

/** A host with or without a port. */
export const host = makeValidator<string>((text) => {
  if (!/^[^:\s]+(?::\d+)?$/.test(text)) throw new Error('must be HOST or HOST:PORT');
  return text;
});

const clockAnchor = makeValidator<ClockAnchor>((text) => {
  const anchor = parseClockAnchor(text);
  if (anchor === undefined || anchor.rate > MAX_RATE)
    throw new Error(`must be RATE or RATE@REALMS=CLUSTERMS with a rate from 0 to ${MAX_RATE}`);
  return anchor;
});

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

const logLevel = makeValidator<(typeof LOG_LEVELS)[number]>((text) => {
  const level = LOG_LEVELS.find((each) => each === text);
  if (level === undefined) throw new Error(`must be one of ${LOG_LEVELS.join(', ')}`);
  return level;
});

/** What every service is told. */
export const commonConfig = {
  ORRERY_INSTANCE: nonEmpty({ default: 'local-0' }),
  ORRERY_BIND: nonEmpty({ default: '127.0.0.1' }),
  ORRERY_HTTP_PORT: port({ default: 0 }),
  ORRERY_LOG_LEVEL: logLevel({ default: 'info' }),
  ORRERY_CLOCK: clockAnchor({ default: REAL_TIME }),
} as const;

/** What every service but the apiserver is told in addition. */
export const clusterConfig = {
  ORRERY_APISERVER: hostAndPort(),
  ORRERY_NATS_URL: url(),
} as const;

type Shape = Readonly<Record<string, ValidatorSpec<unknown>>>;

/** What a configuration of that shape is read into. */
export type Config<S extends Shape> = Readonly<CleanedEnv<S>>;

/**
 * Reads a configuration. A validator says by throwing an Error what a value must be.
 * @throws ConfigError that names every variable that is missing or wrong.
 */
export function readConfig<S extends Shape>(
  shape: S,
  environment: Record<string, string | undefined>,
): Config<S> {
  const problems: string[] = [];
  const config = customCleanEnv(environment, shape, (cleaned) => cleaned, {
    reporter: ({ errors }) => {
      for (const [name, error] of Object.entries<Error | undefined>(errors))
        problems.push(`${name}: ${error instanceof EnvMissingError ? 'must be set' : error?.message}`);
    },
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
