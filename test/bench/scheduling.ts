/**
 * The scheduler alone, on shapes like those of upstream's scheduler_perf at 5,000 nodes: nodes are
 * objects that nobody runs, pods are created through the API, and what counts is the time until
 * the last is bound.
 */

import type { Pod } from '@orrery/api/gen/types.ts';
import { TestCluster } from '../support/cluster.ts';
import { Connection, readTarget, type Target } from '../support/connection.ts';
import { load } from './measure.ts';
import { CONNECTIONS, withinLimit } from './rows.ts';

const NODES = 5_000;
const ZONES = 3;
const PODS = '/api/v1/namespaces/default/pods';
/** A topology of their own: the node that runs is in none of its domains. */
const ZONE = 'bench.example.com/zone';

const term = (topologyKey: string): object => ({
  topologyKey,
  labelSelector: { matchLabels: { app: 'measured' } },
});

interface Shape {
  readonly name: string;
  /** Pods that are there before. */
  readonly before?: {
    readonly count: number;
    readonly spec: object;
    readonly cpu: string;
    readonly fits: boolean;
  };
  readonly measured: { readonly count: number; readonly spec: object; readonly cpu: string };
}

const ZONE_1_OR_2 = { matchExpressions: [{ key: ZONE, operator: 'In', values: ['zone-1', 'zone-2'] }] };

const SHAPES: readonly Shape[] = [
  { name: 'basic', measured: { count: 3_000, spec: {}, cpu: '100m' } },
  {
    name: 'node affinity',
    measured: {
      count: 3_000,
      cpu: '100m',
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [ZONE_1_OR_2] },
          },
        },
      },
    },
  },
  {
    name: 'topology spread',
    measured: {
      count: 3_000,
      cpu: '100m',
      spec: {
        topologySpreadConstraints: [{ maxSkew: 5, whenUnsatisfiable: 'DoNotSchedule', ...term(ZONE) }],
      },
    },
  },
  {
    name: 'pod affinity',
    measured: {
      count: 3_000,
      cpu: '100m',
      spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(ZONE)] } } },
    },
  },
  {
    name: 'pod anti-affinity',
    measured: {
      count: 2_000,
      cpu: '100m',
      spec: {
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [term('kubernetes.io/hostname')],
          },
        },
      },
    },
  },
  {
    name: 'unschedulable',
    before: { count: 200, spec: {}, cpu: '9', fits: false },
    measured: { count: 3_000, spec: {}, cpu: '100m' },
  },
  {
    name: 'preemption',
    before: { count: 20_000, spec: { terminationGracePeriodSeconds: 0 }, cpu: '900m', fits: true },
    measured: { count: 1_000, spec: { priorityClassName: 'bench' }, cpu: '3' },
  },
];

export interface SchedulingResult {
  readonly shape: string;
  readonly pods: number;
  readonly podsPerSecond: number;
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

async function measure(target: Target, { name, before, measured }: Shape): Promise<SchedulingResult> {
  await createNodes(target);
  if (name === 'preemption') {
    const connection = await Connection.open(target);
    const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
    await connection.request('POST', classes, JSON.stringify({ metadata: { name: 'bench' }, value: 1_000 }));
    connection.close();
  }
  if (before !== undefined) await place(target, 'before', before, before.fits);
  const seconds = await place(target, 'measured', measured, true);
  return { shape: name, pods: measured.count, podsPerSecond: measured.count / seconds };
}

/** Nodes with four processors in three zones; the one that runs is kept out of it. */
async function createNodes(target: Target): Promise<void> {
  const node = (index: number): string =>
    JSON.stringify({
      metadata: {
        name: `bench-${index}`,
        labels: { [ZONE]: `zone-${index % ZONES}`, 'kubernetes.io/hostname': `bench-${index}` },
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

/** Creates the pods and waits until all are bound, or have been refused; the seconds it took. */
async function place(
  target: Target,
  app: string,
  { count, spec, cpu }: { count: number; spec: object; cpu: string },
  fits: boolean,
): Promise<number> {
  const body = (index: number): string =>
    JSON.stringify({
      metadata: { name: `${app}-${index}`, labels: { app } },
      spec: {
        containers: [
          { name: 'main', image: 'example.com/app', resources: { requests: { cpu, memory: '500Mi' } } },
        ],
        ...spec,
      },
    });
  const isSettled = ({ spec: { nodeName }, status }: Pod): boolean =>
    fits
      ? (nodeName ?? '') !== ''
      : status?.conditions?.some(
          ({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable',
        ) === true;
  const watcher = await Connection.open(target);
  const settled = new Set<string>();
  const beganMs = performance.now();
  const reached = new Promise<number>((resolve) => {
    watcher.watch(`${PODS}?watch=true&labelSelector=app%3D${app}`, (line) => {
      const { object } = JSON.parse(line) as { object: Pod };
      if (isSettled(object)) settled.add(object.metadata.name);
      if (settled.size === count) resolve((performance.now() - beganMs) / 1000);
    });
  });
  try {
    await load(target, CONNECTIONS, count, [201], (each, index) => each.request('POST', PODS, body(index)));
    return await withinLimit(() => `${app}: ${settled.size} of ${count} pods`, reached);
  } finally {
    watcher.close();
  }
}
