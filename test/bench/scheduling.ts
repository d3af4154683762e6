/**
 * The scheduler alone, on the shapes of upstream's scheduler_perf at 5,000 nodes (test/integration/scheduler_perf):
 * nodes are objects that nobody runs, pods are created through the API, and what counts is the time until the last
 * of those that are measured is bound. Only the last shape is not upstream's, whose own has been too hard for it.
 */

import type { Pod } from '@orrery/api/gen/types.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { TestCluster } from '../support/cluster.ts';
import { Connection, readTarget, type Target } from '../support/connection.ts';
import { load } from './measure.ts';
import { CONNECTIONS, withinLimit } from './rows.ts';

const NODES = 5_000;
/** A topology of their own: the node that runs is in none of its domains. */
const ZONE = 'bench.example.com/zone';
/** Between two pods that come in meanwhile, in ms. */
const CHURN_PERIOD_MS = 200;

/** Pods that are all alike. */
interface Pods {
  readonly spec?: object;
  readonly cpu?: string;
  readonly namespace?: string;
}

interface Shape {
  readonly name: string;
  /** Pods per second below which upstream's benchmark fails, where there is such a number. */
  readonly threshold?: number;
  readonly zones?: number;
  /** Pods that are there before. */
  readonly before?: Pods & { readonly count: number };
  /** Pods that come one after another while the others are measured. */
  readonly churn?: Pods;
  readonly measured: Pods & { readonly count: number };
}

/** Low priority, three fourths of them in the way of a pod of high priority. */
const LOW: Pods & { count: number } = {
  count: 20_000,
  spec: { terminationGracePeriodSeconds: 0 },
  cpu: '900m',
};
const HIGH = { priorityClassName: 'bench' };

/** About pods of the same shape, in the namespaces of those that are there and of those that come. */
const term = (topologyKey: string): object => ({
  topologyKey,
  labelSelector: { matchLabels: { shape: 'same' } },
  namespaces: ['sched-0', 'sched-1'],
});

const TWO_ZONES = { matchExpressions: [{ key: ZONE, operator: 'In', values: ['zone-0', 'zone-1'] }] };
const NODE_AFFINITY = {
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [TWO_ZONES] },
    },
  },
};
const SPREAD = {
  topologySpreadConstraints: [
    {
      maxSkew: 5,
      whenUnsatisfiable: 'DoNotSchedule',
      topologyKey: ZONE,
      labelSelector: { matchLabels: { shape: 'same' } },
    },
  ],
};
const POD_AFFINITY = {
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(ZONE)] } },
};
const ANTI_AFFINITY = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [term('kubernetes.io/hostname')],
    },
  },
};

const SHAPES: readonly Shape[] = [
  { name: 'basic', threshold: 680, before: { count: 1_000 }, measured: { count: 10_000 } },
  {
    name: 'node affinity',
    threshold: 220,
    before: { count: 5_000, spec: NODE_AFFINITY },
    measured: { count: 10_000, spec: NODE_AFFINITY },
  },
  {
    name: 'topology spread',
    threshold: 460,
    zones: 3,
    before: { count: 5_000 },
    measured: { count: 5_000, spec: SPREAD },
  },
  {
    name: 'pod affinity',
    threshold: 35,
    before: { count: 5_000, spec: POD_AFFINITY, namespace: 'sched-0' },
    measured: { count: 5_000, spec: POD_AFFINITY, namespace: 'sched-1' },
  },
  {
    name: 'pod anti-affinity',
    threshold: 60,
    before: { count: 1_000, spec: ANTI_AFFINITY, namespace: 'sched-0' },
    measured: { count: 2_000, spec: ANTI_AFFINITY, namespace: 'sched-1' },
  },
  {
    name: 'beside preemption',
    threshold: 570,
    before: LOW,
    churn: { spec: HIGH, cpu: '3' },
    measured: { count: 5_000 },
  },
  {
    name: 'beside pods that fit nowhere',
    threshold: 590,
    before: { count: 100 },
    churn: { spec: HIGH, cpu: '9' },
    measured: { count: 10_000 },
  },
  { name: 'each preempts three', before: LOW, measured: { count: 1_000, spec: HIGH, cpu: '3' } },
];

export interface SchedulingResult {
  readonly shape: string;
  readonly pods: number;
  readonly podsPerSecond: number;
  readonly threshold: number | undefined;
}

/** Every shape on a cluster of its own, so that none finds the pods of another. */
export async function scheduling(report: (line: string) => void): Promise<SchedulingResult[]> {
  const results: SchedulingResult[] = [];
  for (const shape of SHAPES) {
    report(`scheduling, ${shape.name} ...`);
    // Nobody keeps these nodes alive, so nobody is to look whether they are.
    const cluster = await TestCluster.start({
      nodes: 1,
      controllers: '*,-nodelifecycle,-taint-eviction,-podgc',
    });
    try {
      results.push(await measure(readTarget(cluster.kubeconfig), shape));
    } finally {
      await cluster.remove();
    }
  }
  return results;
}

async function measure(target: Target, shape: Shape): Promise<SchedulingResult> {
  const { name, threshold, zones = 1, before, churn, measured } = shape;
  await createNodes(target, zones);
  await createSurroundings(target);
  if (before !== undefined) await place(target, 'before', before);
  const done = new AbortController();
  const churning = churn === undefined ? undefined : keepCreating(target, churn, done.signal);
  const seconds = await place(target, 'measured', measured);
  done.abort();
  await churning;
  return { shape: name, pods: measured.count, podsPerSecond: measured.count / seconds, threshold };
}

/** Nodes with four processors in so many zones; the one that runs is kept out of it. */
async function createNodes(target: Target, zones: number): Promise<void> {
  const node = (index: number): string =>
    JSON.stringify({
      metadata: {
        name: `bench-${index}`,
        labels: { [ZONE]: `zone-${index % zones}`, 'kubernetes.io/hostname': `bench-${index}` },
      },
      status: {
        allocatable: { cpu: '4', memory: '32Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    });
  await load(target, CONNECTIONS, NODES, [201], (each, index) =>
    each.request('POST', '/api/v1/nodes', node(index)),
  );
  const merge = 'application/merge-patch+json';
  await load(target, CONNECTIONS, NODES, [200], (each, index) =>
    each.request('PATCH', `/api/v1/nodes/bench-${index}`, '{"spec":{"taints":null}}', merge),
  );
  const connection = await Connection.open(target);
  await connection.request('PATCH', '/api/v1/nodes/node-1', '{"spec":{"unschedulable":true}}', merge);
  connection.close();
}

/** The priority class and the namespaces of the shapes. */
async function createSurroundings(target: Target): Promise<void> {
  const connection = await Connection.open(target);
  const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
  await connection.request('POST', classes, JSON.stringify({ metadata: { name: 'bench' }, value: 1_000 }));
  for (const name of ['sched-0', 'sched-1']) {
    await connection.request('POST', '/api/v1/namespaces', JSON.stringify({ metadata: { name } }));
  }
  connection.close();
}

const podsOf = (namespace = 'default'): string => `/api/v1/namespaces/${namespace}/pods`;

function podBody(name: string, app: string, { spec, cpu = '100m' }: Pods): string {
  const resources = { requests: { cpu, memory: '500Mi' } };
  return JSON.stringify({
    metadata: { name, labels: spec === undefined ? { app } : { app, shape: 'same' } },
    spec: { containers: [{ name: 'main', image: 'example.com/app', resources }], ...spec },
  });
}

/** Creates a pod each period until it is told to stop. */
async function keepCreating(target: Target, pods: Pods, signal: AbortSignal): Promise<void> {
  const connection = await Connection.open(target);
  try {
    for (let index = 0; !signal.aborted; index += 1) {
      const name = `churn-${index}`;
      await connection.request('POST', podsOf(pods.namespace), podBody(name, 'churn', pods));
      await systemClock.sleep(CHURN_PERIOD_MS, signal);
    }
  } finally {
    connection.close();
  }
}

/** Creates the pods and waits until all are bound; the seconds it took. */
async function place(target: Target, app: string, pods: Pods & { count: number }): Promise<number> {
  const { count, namespace } = pods;
  const path = podsOf(namespace);
  const watcher = await Connection.open(target);
  const bound = new Set<string>();
  const beganMs = performance.now();
  const reached = new Promise<number>((resolve) => {
    watcher.watch(`${path}?watch=true&labelSelector=app%3D${app}`, (line) => {
      const { object } = JSON.parse(line) as { object: Pod };
      if ((object.spec.nodeName ?? '') !== '') bound.add(object.metadata.name);
      if (bound.size === count) resolve((performance.now() - beganMs) / 1000);
    });
  });
  try {
    await load(target, CONNECTIONS, count, [201], (each, index) =>
      each.request('POST', path, podBody(`${app}-${index}`, app, pods)),
    );
    return await withinLimit(() => `${app}: ${bound.size} of ${count} pods`, reached);
  } finally {
    watcher.close();
  }
}
