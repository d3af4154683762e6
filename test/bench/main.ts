/** `./orrery bench`: starts a cluster of its own, measures it, prints a table (or JSON with --json). */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { formatTime } from '@orrery/api/meta.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { DEFAULT_OPTIONS } from '../../services/cli/src/cluster-record.ts';
import { TestCluster } from '../support/cluster.ts';
import { readTarget } from '../support/connection.ts';
import type { LoadResult } from './measure.ts';
import { type PodCost, podCost } from './pods.ts';
import { configMaps, CONNECTIONS, rollout, watchLatency } from './rows.ts';
import { scheduling } from './scheduling.ts';
import { daemonSet, jobs, namespaceDeletion, statefulSet } from './workloads.ts';

const NODES = 100;
const REPLICAS = 1_000;
const CONFIG_MAPS = 3_000;
const WATCHERS = 50;
const IDLE_PODS = 10_000;
const SHELL_PODS = 1_000;
const DAEMON_NODES = 1_000;
const ORDERED_PODS = 100;
const JOBS = 200;
const PODS_OF_JOB = 10;
const PODS_OF_NAMESPACE = 5_000;

/** An image that nobody knows: it runs until it is stopped. */
const PLAIN = { image: 'example.com/app' };
/** Listens, has files, and printed a few lines. */
const SERVER = { image: 'nginx' };
const SHELL = {
  image: 'busybox',
  command: ['sh', '-c', 'while true; do date >> /tmp/out; sleep 5; done'],
};

interface Row {
  name: string;
  value: string;
}

function versionOf(command: string, pattern: RegExp): string {
  return pattern.exec(execFileSync(command, ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
}

function environment(): Record<string, string> {
  return {
    date: formatTime(systemClock.now()).slice(0, 10),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? arch()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()}`,
    versions: `Node ${process.versions.node}, Redis ${versionOf('redis-server', /v=(\S+)/)}, NATS ${versionOf('nats-server', /v(\d\S*)/)}`,
    durability: DEFAULT_OPTIONS.durability,
    requests: `over ${CONNECTIONS} TLS connections`,
  };
}

const round = (value: number, digits = 1): string => value.toFixed(digits);

function loadRow(name: string, { perSecond, p50Ms, p99Ms }: LoadResult): Row {
  return { name, value: `${Math.round(perSecond)}/s, p50 ${round(p50Ms)} ms, p99 ${round(p99Ms)} ms` };
}

function podRow(name: string, { pods, kilobytesPerPod, cpuPercent }: PodCost): Row {
  return {
    name: `node agent with ${pods} ${name}`,
    value: `${round(kilobytesPerPod)} KB a pod, ${round(cpuPercent)} % of a core`,
  };
}

interface Memory {
  /** What `./orrery ps` shows, added up: pages that processes share count for each of them. */
  resident: number;
  /** Shared pages counted once; the resident sum where the system does not tell. */
  proportional: number;
  /** Resident, by process. */
  processes: Record<string, number>;
}

const MEBIBYTE = 2 ** 20;

/** The proportional set size of a process in bytes; undefined where the system does not tell. */
function proportionalBytes(pid: number): number | undefined {
  try {
    const match = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
    return match === null ? undefined : Number(match[1]) * 1024;
  } catch {
    return undefined;
  }
}

async function memoryMiB(cluster: TestCluster): Promise<Memory> {
  const rows = await cluster.processes();
  const memory: Memory = { resident: 0, proportional: 0, processes: {} };
  for (const { name, pid, memoryBytes } of rows) {
    memory.processes[name] = memoryBytes / MEBIBYTE;
    memory.resident += memoryBytes / MEBIBYTE;
    memory.proportional += ((pid === null ? 0 : proportionalBytes(pid)) ?? memoryBytes) / MEBIBYTE;
  }
  return memory;
}

function memoryRow(name: string, { resident, proportional }: Memory): Row {
  return {
    name,
    value: `${Math.round(resident)} MiB resident, ${Math.round(proportional)} MiB with shared pages counted once`,
  };
}

interface Measured {
  results: object;
  rows: Row[];
}

async function measureControlPlane(report: (line: string) => void): Promise<Measured> {
  report(`starting a cluster of ${NODES} nodes ...`);
  const beganMs = performance.now();
  const cluster = await TestCluster.start({ nodes: NODES });
  const coldStartSeconds = (performance.now() - beganMs) / 1000;
  try {
    const target = readTarget(cluster.kubeconfig);
    report(`deployment of ${REPLICAS} ...`);
    const deployment = await rollout(target, REPLICAS);
    const memory = await memoryMiB(cluster);
    report('ConfigMaps ...');
    const requests = await configMaps(target, CONFIG_MAPS);
    report('watches ...');
    const watch = await watchLatency(target, WATCHERS);
    const after = await memoryMiB(cluster);
    const results = {
      coldStartSeconds,
      deployment,
      requests,
      watch,
      memoryMiB: { afterRollout: memory, atEnd: after },
    };
    const rows: Row[] = [
      { name: `cold start, ${NODES} nodes`, value: `${round(coldStartSeconds)} s` },
      {
        name: `Deployment of ${REPLICAS} until all Ready`,
        value: `${round(deployment.createSeconds)} s (${Math.round(REPLICAS / deployment.createSeconds)} pods/s)`,
      },
      { name: `its rolling update`, value: `${round(deployment.updateSeconds)} s` },
      loadRow('ConfigMap create', requests.create),
      loadRow('ConfigMap get', requests.get),
      loadRow('ConfigMap merge-patch', requests.patch),
      loadRow(`ConfigMap list of ${CONFIG_MAPS}`, requests.list),
      loadRow('ConfigMap delete', requests.delete),
      {
        name: `watch, ${WATCHERS} watchers`,
        value: `p50 ${round(watch.p50Ms)} ms, p99 ${round(watch.p99Ms)} ms`,
      },
      memoryRow(`memory of all processes, ${REPLICAS} pods`, memory),
      memoryRow('memory of all processes, at the end', after),
    ];
    return { results, rows };
  } finally {
    await cluster.remove();
  }
}

async function measurePods(report: (line: string) => void): Promise<Measured> {
  report(`${IDLE_PODS} plain pods ...`);
  const plainPods = await podCost(IDLE_PODS, PLAIN);
  report(`${IDLE_PODS} pods of nginx ...`);
  const serverPods = await podCost(IDLE_PODS, SERVER);
  report(`${SHELL_PODS} shell pods ...`);
  const shellPods = await podCost(SHELL_PODS, SHELL);
  return {
    results: { plainPods, serverPods, shellPods },
    rows: [
      podRow('plain pods', plainPods),
      podRow('pods of nginx', serverPods),
      podRow('pods of a shell loop', shellPods),
    ],
  };
}

async function measureWorkloads(report: (line: string) => void): Promise<Measured> {
  report(`DaemonSet over ${DAEMON_NODES} nodes ...`);
  const daemons = await TestCluster.start({ nodes: DAEMON_NODES });
  let daemonSetSeconds: number;
  try {
    daemonSetSeconds = await daemonSet(readTarget(daemons.kubeconfig), DAEMON_NODES);
  } finally {
    await daemons.remove();
  }
  const cluster = await TestCluster.start({ nodes: NODES });
  try {
    const target = readTarget(cluster.kubeconfig);
    report(`StatefulSet of ${ORDERED_PODS} ...`);
    const statefulSetSeconds = await statefulSet(target, ORDERED_PODS);
    report(`${JOBS} Jobs of ${PODS_OF_JOB} ...`);
    const jobsSeconds = await jobs(target, JOBS, PODS_OF_JOB);
    report(`a namespace with ${PODS_OF_NAMESPACE} pods ...`);
    const namespaceSeconds = await namespaceDeletion(target, PODS_OF_NAMESPACE);
    return {
      results: { workloads: { daemonSetSeconds, statefulSetSeconds, jobsSeconds, namespaceSeconds } },
      rows: [
        {
          name: `DaemonSet over ${DAEMON_NODES} nodes until all Ready`,
          value: `${round(daemonSetSeconds)} s`,
        },
        {
          name: `StatefulSet of ${ORDERED_PODS}, one after another`,
          value: `${round(statefulSetSeconds)} s`,
        },
        {
          name: `${JOBS} Jobs of ${PODS_OF_JOB} until all Complete`,
          value: `${round(jobsSeconds)} s (${Math.round((JOBS * PODS_OF_JOB) / jobsSeconds)} pods/s)`,
        },
        {
          name: `deletion of a namespace with ${PODS_OF_NAMESPACE} pods`,
          value: `${round(namespaceSeconds)} s`,
        },
      ],
    };
  } finally {
    await cluster.remove();
  }
}

async function measureScheduling(report: (line: string) => void): Promise<Measured> {
  const results = await scheduling(report);
  return {
    results: { scheduling: results },
    rows: results.map(({ shape, pods, podsPerSecond, threshold }) => ({
      name: `scheduler, 5000 nodes, ${shape}`,
      value: `${Math.round(podsPerSecond)} pods/s of ${pods}${threshold === undefined ? '' : ` (upstream asks for ${threshold})`}`,
    })),
  };
}

/** Whether JSON is wanted instead of the table. */
function wantsJson(): boolean {
  try {
    return parseArgs({ options: { json: { type: 'boolean', default: false } } }).values.json;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

async function main(): Promise<void> {
  const json = wantsJson();
  const about = environment();
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  const parts = [
    await measureControlPlane(report),
    await measureWorkloads(report),
    await measureScheduling(report),
    await measurePods(report),
  ];
  const results = Object.assign({}, ...parts.map((part) => part.results)) as object;
  const rows = parts.flatMap((part) => part.rows);
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...about, ...results }, null, 2)}\n`);
    return;
  }
  for (const [key, value] of Object.entries(about)) process.stdout.write(`${key}: ${value}\n`);
  const width = Math.max(...rows.map(({ name }) => name.length));
  process.stdout.write('\n');
  for (const { name, value } of rows) process.stdout.write(`${name.padEnd(width)}  ${value}\n`);
  process.stdout.write(`\n${JSON.stringify({ ...about, ...results })}\n`);
}

await main();
