/** The life of a service: start, say when ready, drain on SIGTERM. */

import { flushCompileCache } from 'node:module';
import { systemClock } from './clock.ts';
import { type ClockAnchor, ClusterClock } from './cluster-clock.ts';
import { ConfigError } from './config.ts';
import { type HealthServer, type Pages, serveHealth } from './health.ts';
import { createLogger, type Logger } from './logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';

/** What a service is given. */
export interface ServiceContext {
  readonly instance: string;
  /** The cluster's clock; whoever hears of another anchor adjusts it. */
  readonly clock: ClusterClock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A running service. */
export interface RunningService {
  /** Why it does not do its work yet, or undefined when it does. */
  notReady(): string | undefined;
  /** Pages on its port besides those that every service has. */
  readonly pages?: Pages;
  /** Finishes what is in flight and lets go of everything; bounded in time by the caller. */
  stop(): Promise<void>;
}

interface CommonConfig {
  ORRERY_INSTANCE: string;
  ORRERY_BIND: string;
  ORRERY_HTTP_PORT: number;
  ORRERY_LOG_LEVEL: string;
  ORRERY_CLOCK: ClockAnchor;
}

export interface ServiceDefinition<Config extends CommonConfig> {
  name: string;
  /** Reads the environment; throws ConfigError. */
  config: () => Config;
  /** Starts the service; it may resolve before the service is ready. */
  start: (config: Config, context: ServiceContext) => Promise<RunningService>;
}

/** A drain that takes longer is cut off, so that a stop is never stuck. */
const DRAIN_LIMIT_MS = 8_000;

/** By then a service has loaded what it runs on, and is busy with nothing that this would hold up. */
const FLUSH_COMPILE_CACHE_MS = 2_000;

/** Runs a service until a signal ends the process. The first SIGTERM or SIGINT drains, the second exits at once. */
export async function runService<Config extends CommonConfig>(
  definition: ServiceDefinition<Config>,
): Promise<void> {
  const config = readOrExit(definition.config);
  const logger = createLogger({
    service: definition.name,
    instance: config.ORRERY_INSTANCE,
    level: config.ORRERY_LOG_LEVEL,
  });
  const metrics = createMetrics();
  const clock = new ClusterClock(config.ORRERY_CLOCK);
  let service: RunningService | undefined;
  let health: HealthServer | undefined;
  let stopping = false;

  const stop = async (signal: string): Promise<void> => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping');
    systemClock.setTimeout(() => process.exit(1), DRAIN_LIMIT_MS);
    await service?.stop();
    await health?.close();
    logger.info('stopped');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop(signal).catch((error: unknown) => {
        logger.error({ err: error }, 'stop failed');
        process.exit(1);
      });
    });
  }

  try {
    health = await serveHealth({
      bind: config.ORRERY_BIND,
      port: config.ORRERY_HTTP_PORT,
      metrics,
      pages: () => service?.pages ?? {},
      notReady: () => (stopping ? 'stopping' : service === undefined ? 'starting' : service.notReady()),
    });
    service = await definition.start(config, { instance: config.ORRERY_INSTANCE, clock, logger, metrics });
    logger.info({ httpPort: health.port }, 'started');
    // Node writes what it has compiled when it exits, and a process that is killed never does:
    // without this, those that restart in an emergency would be the slow ones.
    systemClock.setTimeout(flushCompileCache, FLUSH_COMPILE_CACHE_MS);
  } catch (error) {
    logger.fatal({ err: error }, 'start failed');
    process.exit(1);
  }
}

function readOrExit<Config>(read: () => Config): Config {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`${problem}\n`);
    process.exit(1);
  }
}
