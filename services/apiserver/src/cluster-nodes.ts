/**
 * The truth about the simulated nodes: the ConfigMap kube-system/orrery-nodes. Its `config` says
 * which groups of nodes are wanted, to be changed by anybody; `plan` is what admission makes of it,
 * and what all node agents follow.
 */

import { createHash } from 'node:crypto';
import type { ConfigMap, KubeObject } from '@orrery/api/gen/types.ts';
import { parseNodeGroups, plainConfig } from '@orrery/api/node-groups.ts';
import { formatPlan, NO_NODES, NODES_OBJECT, parsePlan, planNodes } from '@orrery/api/node-plan.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { ResourceDefinition } from './registry/definition.ts';
import type { Api, RequestContext } from './verbs/api.ts';

/** Which start of a cluster the nodes follow. */
const START_ANNOTATION = 'orrery.dev/started-with';

const DEFAULT_COUNT = 3;
const RETRY = { initialMs: 100, maxMs: 1_000 } as const;

type NodesData = Readonly<Record<string, string>>;

/**
 * What the ConfigMap is to hold when somebody writes it: with the plan that follows from it and from
 * what was planned before. Pure.
 */
export function plannedData(
  data: NodesData = {},
  stored: NodesData = {},
): { data: NodesData; problems: FieldError[] } {
  const { config } = data;
  if (config === undefined || config === '')
    return { data, problems: [field.required('data[config]', 'the groups of nodes; see docs/nodes.md')] };
  // One that is made again, or from a copy, brings the addresses of its nodes along.
  const plan = stored['plan'] ?? data['plan'] ?? '';
  const before = parsePlan(plan);
  if (before !== undefined && config === stored['config']) return { data: { ...data, plan }, problems: [] };
  const { groups, problems } = parseNodeGroups(config, 'data[config]');
  if (problems.length > 0) return { data, problems };
  return { data: { ...data, plan: formatPlan(planNodes(groups, before ?? NO_NODES)) }, problems };
}

/** What the cluster was started with. */
export interface StartingNodes {
  readonly config: string;
  /** Names the wish: the same one is followed once, however often the apiserver starts. Absent when nobody has said anything. */
  readonly wish: string | undefined;
}

/** `count` and `config` are undefined or empty when they were not given; `config` counts if both are. Pure. */
export function startingNodes(
  count: number | undefined,
  config: string | undefined,
  start: string,
): StartingNodes {
  const text = config === undefined || config.trim() === '' ? plainConfig(count ?? DEFAULT_COUNT) : config;
  const isSaid = count !== undefined || text === config;
  const hash = createHash('sha256').update(`${start}\n${text}`).digest('hex').slice(0, 16);
  return { config: text, wish: isSaid ? hash : undefined };
}

type NodesObject = { metadata: { name: string; annotations?: Record<string, string> }; data: NodesData };

export interface ClusterNodesOptions {
  api: Api;
  /** Of ConfigMaps. */
  definition: ResourceDefinition;
  start: StartingNodes;
  logger: Logger;
  signal: AbortSignal;
  /** Real time; the system's unless given. */
  realClock?: Clock;
}

const CONTEXT: Omit<RequestContext, 'warnings'> = {
  traceId: 'cluster-nodes',
  user: { name: 'system:apiserver', groups: ['system:masters'] },
  dryRun: false,
};

export class ClusterNodes {
  readonly #options: ClusterNodesOptions;
  /** As it was last seen. */
  #known: ConfigMap | undefined;
  #isFollowed = false;

  constructor(options: ClusterNodesOptions) {
    this.#options = options;
  }

  /** What is to be made when the ConfigMap is not there: as it was last seen, else as the cluster was started. */
  object(): NodesObject {
    const { start } = this.#options;
    const { name } = NODES_OBJECT;
    if (this.#known === undefined)
      return { metadata: { name, ...startedWith(start) }, data: { config: start.config } };
    const { metadata, data = {} } = this.#known;
    return { metadata: { name, annotations: { ...metadata.annotations } }, data };
  }

  /** Watches the ConfigMap until aborted. What this cluster was started with is followed once. */
  async keep(): Promise<void> {
    const { logger, signal, realClock = systemClock } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await this.#follow(() => (attempt = 0));
      } catch (error) {
        logger.debug({ err: error }, 'the nodes of the cluster are not known yet');
      }
      await realClock.sleep(backoffDelay(attempt, RETRY), signal);
    }
  }

  async #follow(onEvent: () => void): Promise<void> {
    const { api, definition, signal, logger } = this.#options;
    const broken = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => broken.resolve(), { once: true });
    const handle = await api.watch(definition, NODES_OBJECT, {
      events: (events) => {
        const newest = events.at(-1);
        if (newest === undefined) return;
        onEvent();
        this.#known = JSON.parse(newest.value) as ConfigMap;
        if (newest.type === 'DELETED') {
          // Whoever deletes a wish does not mean the nodes. What fails here is done again by the bootstrap.
          void this.#makeAgain().catch(() => undefined);
          return;
        }
        this.#followStart(this.#known).catch((error: unknown) => {
          logger.warn({ err: error }, 'the nodes of this start could not be set, trying again');
          broken.resolve();
        });
      },
      initialEventsEnd: () => undefined,
      error: () => broken.resolve(),
    });
    await broken.promise;
    handle.stop();
  }

  async #makeAgain(): Promise<void> {
    const { api, definition } = this.#options;
    const object = this.object() as unknown as KubeObject;
    await api.create(definition, NODES_OBJECT.namespace, structuredClone(object), {
      ...CONTEXT,
      warnings: [],
    });
  }

  async #followStart(current: ConfigMap): Promise<void> {
    const { api, definition, start, logger } = this.#options;
    const isFollowed = ({ metadata }: KubeObject): boolean =>
      start.wish === undefined || metadata.annotations?.[START_ANNOTATION] === start.wish;
    if (this.#isFollowed) return;
    if (!isFollowed(current)) {
      await api.modify(
        definition,
        NODES_OBJECT.namespace,
        NODES_OBJECT.name,
        (stored) => (isFollowed(stored) ? stored : withStart(stored as ConfigMap, start)),
        { subresource: '' },
        { ...CONTEXT, warnings: [] },
      );
      logger.info('the nodes of the cluster are set as it was started with');
    }
    this.#isFollowed = true;
  }
}

function startedWith({ wish }: StartingNodes): { annotations?: Record<string, string> } {
  return wish === undefined ? {} : { annotations: { [START_ANNOTATION]: wish } };
}

function withStart(stored: ConfigMap, start: StartingNodes): KubeObject {
  const { metadata } = stored;
  const annotations = { ...metadata.annotations, ...startedWith(start).annotations };
  const data = { ...stored.data, config: start.config };
  return { ...stored, metadata: { ...metadata, annotations }, data } as KubeObject;
}
