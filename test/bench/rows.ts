/** What the benchmark measures, row by row. */

import type { Container, Deployment } from '@orrery/api/gen/types.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { Connection, type Target } from '../support/connection.ts';
import { type Latency, latencyOf, load, type LoadResult } from './measure.ts';

export const CONNECTIONS = 32;
const NAMESPACE = 'default';
const CONFIG_MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;

/** No step may take longer; a cluster that does not get there has failed the benchmark. */
const STEP_LIMIT_MS = 180_000;

function deployment(name: string, replicas: number, container: Partial<Container>): string {
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            { name: 'main', resources: { requests: { cpu: '10m', memory: '16Mi' } }, ...container },
          ],
        },
      },
    },
  });
}

/** Rejects when the work takes longer than a step may; leaves no timer behind. */
export async function withinLimit<T>(what: () => string, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const limit = systemClock.sleep(STEP_LIMIT_MS, done.signal).then(() => {
    if (done.signal.aborted) return;
    throw new Error(`${what()}: not done within ${STEP_LIMIT_MS} ms`);
  });
  try {
    return (await Promise.race([work, limit])) as T;
  } finally {
    done.abort();
  }
}

/** Watches one deployment until the condition holds; returns the seconds since `beganMs`. */
async function secondsUntil(
  target: Target,
  name: string,
  beganMs: number,
  holds: (deployment: Deployment) => boolean,
): Promise<number> {
  const connection = await Connection.open(target);
  const reached = new Promise<number>((resolve) => {
    connection.watch(`${DEPLOYMENTS}?watch=true&fieldSelector=metadata.name%3D${name}`, (line) => {
      const { object } = JSON.parse(line) as { object: Deployment };
      if (holds(object)) resolve((performance.now() - beganMs) / 1000);
    });
  });
  try {
    return await withinLimit(() => name, reached);
  } finally {
    connection.close();
  }
}

function isRolledOut({ metadata, spec, status }: Deployment): boolean {
  const replicas = spec.replicas ?? 1;
  return (
    status?.observedGeneration === metadata.generation &&
    status?.updatedReplicas === replicas &&
    status.readyReplicas === replicas &&
    status.replicas === replicas
  );
}

export interface RolloutResult {
  createSeconds: number;
  updateSeconds: number;
}

/** A Deployment of so many replicas of one container; resolves to the seconds until all are Ready. */
export async function deploy(
  target: Target,
  name: string,
  replicas: number,
  container: Partial<Container>,
): Promise<number> {
  const connection = await Connection.open(target);
  try {
    const beganMs = performance.now();
    await connection.request('POST', DEPLOYMENTS, deployment(name, replicas, container));
    return await secondsUntil(target, name, beganMs, isRolledOut);
  } finally {
    connection.close();
  }
}

/** A Deployment of so many replicas until all are Ready, then its rolling update. */
export async function rollout(target: Target, replicas: number): Promise<RolloutResult> {
  const name = `bench-${replicas}`;
  const connection = await Connection.open(target);
  try {
    const createSeconds = await deploy(target, name, replicas, { image: 'nginx:1' });
    const updatedMs = performance.now();
    await connection.request(
      'PUT',
      `${DEPLOYMENTS}/${name}`,
      deployment(name, replicas, { image: 'nginx:2' }),
    );
    const updateSeconds = await secondsUntil(target, name, updatedMs, isRolledOut);
    return { createSeconds, updateSeconds };
  } finally {
    connection.close();
  }
}

export interface ConfigMapResult {
  create: LoadResult;
  get: LoadResult;
  patch: LoadResult;
  /** Whole lists of `count` objects. */
  list: LoadResult;
  delete: LoadResult;
}

const LISTS = 96;

/** Creates, reads, patches, lists and deletes so many ConfigMaps of about 1 kB. */
export async function configMaps(target: Target, count: number): Promise<ConfigMapResult> {
  const data = { text: 'x'.repeat(900) };
  const body = (index: number): string => JSON.stringify({ metadata: { name: `bench-${index}` }, data });
  const at = (index: number): string => `${CONFIG_MAPS}/bench-${index % count}`;
  const create = await load(target, CONNECTIONS, count, [201], (each, index) =>
    each.request('POST', CONFIG_MAPS, body(index)),
  );
  const get = await load(target, CONNECTIONS, count * 4, [200], (each, index) =>
    each.request('GET', at(index)),
  );
  const patch = await load(target, CONNECTIONS, count, [200], (each, index) =>
    each.request('PATCH', at(index), `{"data":{"n":"${index}"}}`, 'application/merge-patch+json'),
  );
  const list = await load(target, CONNECTIONS, LISTS, [200], (each) => each.request('GET', CONFIG_MAPS));
  const remove = await load(target, CONNECTIONS, count, [200], (each, index) =>
    each.request('DELETE', at(index)),
  );
  return { create, get, patch, list, delete: remove };
}

const WRITES = 500;
const WRITE_PERIOD_MS = 5;

/** From the start of a write to its arrival at each of so many watchers. */
export async function watchLatency(target: Target, watchers: number): Promise<Latency> {
  const writer = await Connection.open(target);
  const open = await Promise.all(Array.from({ length: watchers }, () => Connection.open(target)));
  const sentMs: number[] = [];
  const samplesMs: number[] = [];
  try {
    await writer.request(
      'POST',
      CONFIG_MAPS,
      JSON.stringify({ metadata: { name: 'watched' }, data: { n: '-1' } }),
    );
    const everybodySaw = new Promise<void>((resolve) => {
      for (const each of open) {
        each.watch(`${CONFIG_MAPS}?watch=true&fieldSelector=metadata.name%3Dwatched`, (line) => {
          const { object } = JSON.parse(line) as { object: { data: { n: string } } };
          const sent = sentMs[Number(object.data.n)];
          if (sent !== undefined) samplesMs.push(performance.now() - sent);
          if (samplesMs.length === WRITES * watchers) resolve();
        });
      }
    });
    for (let n = 0; n < WRITES; n += 1) {
      sentMs.push(performance.now());
      await writer.request(
        'PATCH',
        `${CONFIG_MAPS}/watched`,
        `{"data":{"n":"${n}"}}`,
        'application/merge-patch+json',
      );
      await systemClock.sleep(WRITE_PERIOD_MS);
    }
    await withinLimit(() => `${samplesMs.length} of ${WRITES * watchers} watch events`, everybodySaw);
    await writer.request('DELETE', `${CONFIG_MAPS}/watched`);
    return latencyOf(samplesMs);
  } finally {
    for (const each of [writer, ...open]) each.close();
  }
}
