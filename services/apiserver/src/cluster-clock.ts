/**
 * The truth about the cluster's clock: the ConfigMap kube-system/orrery-clock. Its `speed` and
 * `paused` say what is wanted, to be changed by anybody; `anchor` is what an apiserver made of
 * that, and what all services follow (they hear of it over their sessions). It lies a moment
 * ahead, so that all switch at once.
 */

import type { ConfigMap, KubeObject } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import {
  anchorAt,
  type ClockAnchor,
  type ClusterClock,
  clusterTimeAt,
  formatClockAnchor,
  MAX_RATE,
  parseClockAnchor,
  wallTime,
} from '@orrery/kit/cluster-clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { ResourceDefinition } from './registry/definition.ts';
import type { Api, RequestContext } from './verbs/api.ts';

export const CLOCK_NAMESPACE = 'kube-system';
export const CLOCK_NAME = 'orrery-clock';

/** How far ahead a new anchor lies, in real milliseconds: by then every service has heard of it. */
const LEAD_MS = 200;

const RETRY = { initialMs: 100, maxMs: 1_000 } as const;

type ClockData = Readonly<Record<string, string>>;

function speedOf(data: ClockData): number | undefined {
  const text = data['speed'] ?? '';
  const speed = Number(text);
  return /^\d+(\.\d+)?$/.test(text) && speed > 0 && speed <= MAX_RATE ? speed : undefined;
}

/** What is wrong with what somebody writes into that ConfigMap. Pure. */
export function clockProblems(data: ClockData = {}): FieldError[] {
  const problems: FieldError[] = [];
  const bad = (key: string, value: unknown, hint: string): void =>
    void problems.push(field.invalid(`data[${key}]`, value, hint));
  if (speedOf(data) === undefined)
    bad('speed', data['speed'] ?? '', `must be a number above 0, at most ${MAX_RATE}`);
  if (!['true', 'false', undefined].includes(data['paused']))
    bad('paused', data['paused'], 'must be true or false');
  const anchor = data['anchor'];
  if (anchor !== undefined && parseClockAnchor(anchor) === undefined)
    bad('anchor', anchor, 'must be RATE@REALMS=CLUSTERMS; leave it to the apiserver');
  return problems;
}

/** How fast the clock is to run: 0 while it is paused. */
function wantedRate(data: ClockData): number {
  return data['paused'] === 'true' ? 0 : (speedOf(data) ?? 1);
}

/** The content for a cluster that has none yet. */
export function clockData(anchor: ClockAnchor): Record<string, string> {
  return {
    speed: String(anchor.rate || 1),
    paused: String(anchor.rate === 0),
    anchor: formatClockAnchor(anchor),
  };
}

/**
 * The anchor that follows from the content, at `nowMs` real time. `own` is what this process was
 * started with: when it is newer than the stored one, the cluster was started anew with another
 * speed. Pure.
 */
export function nextAnchor(
  data: ClockData,
  own: ClockAnchor,
  nowMs: number,
): { anchor: ClockAnchor; rate: number } {
  const stored = parseClockAnchor(data['anchor'] ?? '') ?? own;
  if (own.realMs > stored.realMs) {
    const clusterMs = Math.round(Math.max(own.clusterMs, clusterTimeAt(stored, own.realMs)));
    return { anchor: { ...own, clusterMs }, rate: own.rate };
  }
  const rate = wantedRate(data);
  const atMs = Math.max(nowMs + LEAD_MS, stored.realMs);
  return { anchor: stored.rate === rate ? stored : anchorAt(stored, atMs, rate), rate };
}

export interface ClockKeeperOptions {
  api: Api;
  /** Of ConfigMaps. */
  definition: ResourceDefinition;
  clock: ClusterClock;
  logger: Logger;
  signal: AbortSignal;
  /** Real time; the system's unless given. */
  realClock?: Clock;
}

const CONTEXT: Omit<RequestContext, 'warnings'> = {
  traceId: 'cluster-clock',
  user: { name: 'system:apiserver', groups: ['system:masters'] },
  dryRun: false,
};

/**
 * Follows the ConfigMap until aborted, and keeps its anchor in step with what is wanted.
 * `onKnown` is called when it is known for the first time how the clock runs.
 */
export async function keepClusterClock(options: ClockKeeperOptions, onKnown: () => void): Promise<void> {
  const { logger, signal, realClock = systemClock } = options;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      await follow(options, onKnown, () => (attempt = 0));
    } catch (error) {
      logger.debug({ err: error }, 'the clock of the cluster is not known yet');
    }
    await realClock.sleep(backoffDelay(attempt, RETRY), signal);
  }
}

/** Watches until the watch breaks. */
async function follow(options: ClockKeeperOptions, onKnown: () => void, onEvent: () => void): Promise<void> {
  const { api, definition, signal, logger } = options;
  const broken = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => broken.resolve(), { once: true });
  const handle = await api.watch(
    definition,
    { namespace: CLOCK_NAMESPACE, name: CLOCK_NAME },
    {
      events: (events) => {
        const newest = events.at(-1);
        // Whoever deletes it deletes a wish: the clock runs on, and it is made again.
        if (newest === undefined || newest.type === 'DELETED') return;
        onEvent();
        const { data = {} } = JSON.parse(newest.value) as ConfigMap;
        see(options, data).catch((error: unknown) =>
          logger.warn({ err: error }, 'the clock of the cluster was not set'),
        );
      },
      initialEventsEnd: () => undefined,
      error: () => broken.resolve(),
    },
  );
  onKnown();
  await broken.promise;
  handle.stop();
}

async function see({ api, definition, clock, logger }: ClockKeeperOptions, data: ClockData): Promise<void> {
  const { anchor, rate } = nextAnchor(data, clock.newestAnchor, wallTime());
  const text = formatClockAnchor(anchor);
  if (data['anchor'] === text && wantedRate(data) === rate) {
    if (formatClockAnchor(clock.newestAnchor) === text) return;
    logger.info({ rate, clusterMs: anchor.clusterMs }, 'the clock of the cluster is set');
    clock.adjust(anchor);
    return;
  }
  // Another replica may do the same at the same time: the first to write decides, all follow its event.
  await api.modify(
    definition,
    CLOCK_NAMESPACE,
    CLOCK_NAME,
    (current) => withAnchor(current, clock.newestAnchor),
    { subresource: '' },
    { ...CONTEXT, warnings: [] },
  );
}

function withAnchor(current: KubeObject, own: ClockAnchor): KubeObject {
  const { data = {} } = current as ConfigMap;
  const { anchor, rate } = nextAnchor(data, own, wallTime());
  if (data['anchor'] === formatClockAnchor(anchor) && wantedRate(data) === rate) return current;
  const wanted = wantedRate(data) === rate ? {} : clockData(anchor);
  return { ...current, data: { ...data, ...wanted, anchor: formatClockAnchor(anchor) } } as KubeObject;
}
