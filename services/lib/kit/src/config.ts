/** Configuration from the environment: the only place of a service that reads it is its config.ts. */

import { z } from 'zod';
import { parseClockAnchor } from './clock.ts';

/** Every problem of a configuration at once. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export const port = z.coerce.number().int().min(0).max(65_535);

export const milliseconds = z.coerce.number().int().min(0);

export const hostAndPort = z.string().regex(/^[^:\s]+:\d+$/, 'must be HOST:PORT');

const clockAnchor = z.string().transform((text, context) => {
  const anchor = parseClockAnchor(text);
  if (anchor === undefined) {
    context.addIssue({
      code: 'custom',
      message: 'must be RATE or RATE@REALMS=CLUSTERMS with a rate above 0',
    });
    return z.NEVER;
  }
  return anchor;
});

/** What every service is told. */
export const commonConfig = {
  ORRERY_INSTANCE: z.string().min(1).default('local-0'),
  ORRERY_BIND: z.string().min(1).default('127.0.0.1'),
  ORRERY_HTTP_PORT: port.default(0),
  ORRERY_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  ORRERY_CLOCK: clockAnchor.prefault('1'),
} as const;

/** What every service but the apiserver is told in addition. */
export const clusterConfig = {
  ORRERY_APISERVER: hostAndPort,
  ORRERY_NATS_URL: z.url(),
} as const;

/**
 * Reads a configuration.
 * @throws ConfigError that names every variable that is missing or wrong.
 */
export function readConfig<Shape extends z.ZodRawShape>(
  shape: Shape,
  environment: Record<string, string | undefined>,
): z.infer<z.ZodObject<Shape>> {
  const result = z.object(shape).safeParse(environment);
  if (result.success) return result.data;
  throw new ConfigError(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
}
