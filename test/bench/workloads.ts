/** Rows about workloads: how long they take until all is as it should be. */

import type { DaemonSet, Job, KubeObject, StatefulSet } from '@orrery/api/gen/types.ts';
import { Connection, type Target } from '../support/connection.ts';
import { load } from './measure.ts';
import { CONNECTIONS, withinLimit } from './rows.ts';

const NAMESPACE = '/namespaces/default';
const DAEMON_SETS = `/apis/apps/v1${NAMESPACE}/daemonsets`;
const STATEFUL_SETS = `/apis/apps/v1${NAMESPACE}/statefulsets`;
const JOBS = `/apis/batch/v1${NAMESPACE}/jobs`;

const template = (name: string, more: object = {}): object => ({
  metadata: { labels: { app: name } },
  spec: { containers: [{ name: 'main', image: 'example.com/app' }], ...more },
});

/** Watches a resource until the condition holds of what was seen of it; returns the seconds since the start of `begin`. */
async function secondsUntil<T extends KubeObject>(
  target: Target,
  path: string,
  begin: (connection: Connection) => Promise<unknown>,
  isDone: (objects: ReadonlyMap<string, T>) => boolean,
): Promise<number> {
  const watcher = await Connection.open(target);
  const writer = await Connection.open(target);
  const objects = new Map<string, T>();
  const beganMs = performance.now();
  const reached = new Promise<number>((resolve) => {
    watcher.watch(`${path}?watch=true`, (line) => {
      const { type, object } = JSON.parse(line) as { type: string; object: T };
      if (type === 'DELETED') objects.delete(object.metadata.name);
      else objects.set(object.metadata.name, object);
      if (isDone(objects)) resolve((performance.now() - beganMs) / 1000);
    });
  });
  try {
    await begin(writer);
    return await withinLimit(() => `${path}: ${objects.size} objects`, reached);
  } finally {
    watcher.close();
    writer.close();
  }
}

/** A DaemonSet until its pod is Ready on each of so many nodes. */
export function daemonSet(target: Target, nodes: number): Promise<number> {
  const spec = { selector: { matchLabels: { app: 'bench' } }, template: template('bench') };
  const body = JSON.stringify({ metadata: { name: 'bench' }, spec });
  return secondsUntil<DaemonSet>(
    target,
    DAEMON_SETS,
    (connection) => connection.request('POST', DAEMON_SETS, body),
    (objects) => objects.get('bench')?.status?.numberReady === nodes,
  );
}

/** A StatefulSet of so many pods, one after another, until all are Ready. */
export function statefulSet(target: Target, replicas: number): Promise<number> {
  const name = 'ordered';
  const spec = {
    replicas,
    serviceName: name,
    selector: { matchLabels: { app: name } },
    template: template(name),
  };
  return secondsUntil<StatefulSet>(
    target,
    STATEFUL_SETS,
    (connection) => connection.request('POST', STATEFUL_SETS, JSON.stringify({ metadata: { name }, spec })),
    (objects) => objects.get(name)?.status?.readyReplicas === replicas,
  );
}

/** So many Jobs of so many pods, all at once, until all are complete. */
export function jobs(target: Target, count: number, completions: number): Promise<number> {
  const container = { name: 'main', image: 'busybox', command: ['true'] };
  const spec = {
    completions,
    parallelism: completions,
    template: { spec: { containers: [container], restartPolicy: 'Never' } },
  };
  const isComplete = ({ status }: Job): boolean =>
    status?.conditions?.some(({ type, status: is }) => type === 'Complete' && is === 'True') === true;
  return secondsUntil<Job>(
    target,
    JOBS,
    () =>
      load(target, CONNECTIONS, count, [201], (each, index) =>
        each.request('POST', JOBS, JSON.stringify({ metadata: { name: `bench-${index}` }, spec })),
      ),
    (objects) => objects.size === count && [...objects.values()].every(isComplete),
  );
}

/** The deletion of a namespace with so many running pods, until it is gone. */
export async function namespaceDeletion(target: Target, pods: number): Promise<number> {
  const name = 'bench-full';
  const deployments = `/apis/apps/v1/namespaces/${name}/deployments`;
  const setup = await Connection.open(target);
  await setup.request('POST', '/api/v1/namespaces', JSON.stringify({ metadata: { name } }));
  setup.close();
  const spec = {
    replicas: pods,
    selector: { matchLabels: { app: 'full' } },
    template: template('full', { terminationGracePeriodSeconds: 1 }),
  };
  await secondsUntil(
    target,
    deployments,
    (connection) =>
      connection.request('POST', deployments, JSON.stringify({ metadata: { name: 'full' }, spec })),
    (objects) =>
      (objects.get('full') as { status?: { readyReplicas?: number } } | undefined)?.status?.readyReplicas ===
      pods,
  );
  let wasThere = false;
  return secondsUntil(
    target,
    '/api/v1/namespaces',
    (connection) => connection.request('DELETE', `/api/v1/namespaces/${name}`),
    (objects) => {
      wasThere ||= objects.has(name);
      return wasThere && !objects.has(name);
    },
  );
}
