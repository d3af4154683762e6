/**
 * The frame of services of which one replica works at a time: controller-manager,
 * scheduler, hpa. Every replica keeps its caches warm; the leader works.
 */

import { createEventBroadcaster, type EventReporter } from '@orrery/client/event-recorder.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { createInformers } from '@orrery/client/informers.ts';
import { connectNats, type EventSource } from '@orrery/client/nats.ts';
import { createClient } from '@orrery/client/session.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import type { clusterConfig, commonConfig, Config as ConfigOf } from '@orrery/kit/config.ts';
import type { Pages } from '@orrery/kit/health.ts';
import { type RunningService, runService, type ServiceContext } from '@orrery/kit/service.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { createElection, type Election } from './election.ts';
import { runController } from './run-controller.ts';

/** What the work of a leader is built with; `events` reports as the service itself. */
export interface LeaderContext extends ControllerContext {
  /** A recorder for one of several components of the service. */
  readonly recorder: (reporter: EventReporter) => EventRecorder;
  /** Messages other than events of objects, such as usage samples. */
  readonly broker: EventSource;
}

/** The work, from term to term. */
export interface LeaderWork {
  /**
   * Works until `signal` aborts, and resolves when nothing is in flight any more. The
   * informers are synced. Called anew for every term.
   */
  start(signal: AbortSignal, epoch: number): Promise<void> | void;
  /** Lets go of everything, after the last term. */
  close?(): void;
  /** Pages on the port of the service. */
  readonly pages?: Pages;
}

export interface LeaderServiceOptions {
  /** Of the service: agent of its calls, component of its events. */
  name: string;
  /** namespace/name of the Lease; kube-system/<name> unless given. */
  lease?: string | undefined;
  config: { ORRERY_APISERVER: string; ORRERY_NATS_URL: string };
  context: ServiceContext;
  /** Asks for informers, indexes and handlers. Called once, before the informers start. */
  build: (context: LeaderContext) => LeaderWork;
}

/** What the configuration of such a service has at least. */
type LeaderConfig = ConfigOf<typeof commonConfig & typeof clusterConfig>;

export interface LeaderServiceDefinition<Config extends LeaderConfig> {
  name: string;
  /** namespace/name of the Lease; kube-system/<name> unless given. */
  lease?: string;
  /** Reads the environment; throws ConfigError. */
  config: () => Config;
  /** See LeaderServiceOptions. */
  build: (context: LeaderContext, config: Config) => LeaderWork;
}

/** How long a replica tries to leave in good order, in real milliseconds. */
const LEAVE_LIMIT_MS = 3_000;

/** Starts to serve in the background: ready once the informers have synced, whether leader or not. */
export function startLeaderService(options: LeaderServiceOptions): Promise<RunningService> {
  const { name, config, context, build } = options;
  const { logger, clock, metrics, instance } = context;
  const client = createClient({ address: config.ORRERY_APISERVER, agent: name, logger, clusterClock: clock });
  const broker = connectNats(config.ORRERY_NATS_URL, logger);
  const informers = createInformers({ client, events: broker, logger });
  const broadcaster = createEventBroadcaster({ client, clock, logger, metrics });
  const leading = metrics.gauge('leader_election_master_status', 'Whether this replica leads: 1 or 0.', [
    'name',
  ]);
  leading.set({ name }, 0);

  const election: Election = createElection({
    client,
    lease: options.lease ?? `kube-system/${name}`,
    identity: instance,
    clock: systemClock,
    logger,
    onStartedLeading: async (signal, epoch) => {
      leading.set({ name }, 1);
      await work.start(signal, epoch);
    },
    onStoppedLeading: () => leading.set({ name }, 0),
  });
  const work = build({
    client: client.fencedBy(election.fence, election.deposed),
    informers,
    events: broadcaster.recorder({ component: name }),
    recorder: (reporter) => broadcaster.recorder(reporter),
    broker,
    clock,
    logger,
    metrics,
  });

  let stopping = false;
  const running = informers.start().then(() => (stopping ? undefined : election.run()));
  return Promise.resolve({
    ...(work.pages === undefined ? {} : { pages: work.pages }),
    notReady: () => (informers.synced ? undefined : 'informers have not synced'),
    stop: async () => {
      stopping = true;
      // In flight ends, the lease is given back; when the apiserver is away, neither can.
      await within(election.stop(), LEAVE_LIMIT_MS);
      await informers.stop();
      work.close?.();
      broadcaster.close();
      await within(broker.close(), LEAVE_LIMIT_MS);
      await client.close();
      await running;
    },
  });
}

/** Reads the configuration and runs the service until a signal ends the process. */
export function runLeaderService<Config extends LeaderConfig>({
  name,
  lease,
  config,
  build,
}: LeaderServiceDefinition<Config>): Promise<void> {
  return runService<Config>({
    name,
    config,
    start: (configuration, context) =>
      startLeaderService({
        name,
        lease,
        config: configuration,
        context,
        build: (leaderContext) => build(leaderContext, configuration),
      }),
  });
}

/** Gives up waiting after `limitMs`; what was waited for may go on. */
async function within(work: Promise<void>, limitMs: number): Promise<void> {
  const limit = new AbortController();
  await Promise.race([work, systemClock.sleep(limitMs, limit.signal)]);
  limit.abort();
}

/** The work of a service that is nothing but controllers. */
export function controllersWork(controllers: readonly Controller[], context: ControllerContext): LeaderWork {
  const runs = controllers.map((controller) => runController(controller, context));
  return {
    start: async (signal) => {
      await Promise.all(runs.map((run) => run.run(signal)));
    },
    close: () => {
      for (const run of runs) run.close();
    },
  };
}
