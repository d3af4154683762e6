/**
 * Every part dies, freezes and comes back while a Deployment grows from 10 to 300 pods.
 * Afterwards everything must be as if nothing had happened. ORRERY_CHAOS_ROUNDS repeats the
 * whole schedule; ORRERY_CHAOS_SEED chooses the pairs.
 */

import { credentials } from '@grpc/grpc-js';
import type { ConfigMap, KubeObject, Pod } from '@orrery/api/gen/types.ts';
import { milliValue } from '@orrery/api/quantity.ts';
import { Pods } from '@orrery/api/resources.ts';
import { createClient } from '@orrery/client/session.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { type ListPodSandboxResponse, RuntimeClient } from '@orrery/proto/orrery/runtime.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import { type SeenEvent, Watcher } from './watcher.ts';
import { Writer } from './writer.ts';

const PARTS = ['apiserver', 'controller-manager', 'scheduler', 'hpa', 'node-agent', 'redis', 'nats'] as const;
type Part = (typeof PARTS)[number];

type Fault = { kind: 'kill' | 'freeze'; parts: readonly Part[] };

const NODES = 20;
const SMALL = 10;
const LARGE = 300;
const FREEZE_MS = 10_000;
/** Into the growth, so that the fault meets pods in every state. */
const INTO_GROWTH_MS = 400;
const SETTLE_LIMIT_MS = 120_000;

const ROUNDS = Number(process.env['ORRERY_CHAOS_ROUNDS'] ?? '1');
const SEED = Number(process.env['ORRERY_CHAOS_SEED'] ?? '1');

/** A small generator (mulberry32), so that a schedule can be repeated. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function schedule(): Fault[] {
  const random = generator(SEED);
  const alone = PARTS.flatMap((part): Fault[] => [
    { kind: 'kill', parts: [part] },
    { kind: 'freeze', parts: [part] },
  ]);
  const pairs = PARTS.flatMap((first, index) =>
    PARTS.slice(index + 1).map((second): Fault => ({
      kind: random() < 0.7 ? 'kill' : 'freeze',
      parts: [first, second],
    })),
  );
  return Array.from({ length: ROUNDS }, () => [...alone, ...pairs]).flat();
}

let cluster: TestCluster;
let watcher: Watcher;
let writer: Writer;
/** The node that each pod was first seen on, by uid: it must never change. */
const nodeOf = new Map<string, string>();
const rebound: string[] = [];
const stop = new AbortController();
const running: Promise<void>[] = [];

function noteBinding(object: KubeObject): void {
  const { metadata, spec } = object as Pod;
  if (spec.nodeName === undefined) return;
  const before = nodeOf.get(metadata.uid);
  if (before !== undefined && before !== spec.nodeName)
    rebound.push(`${metadata.name}: ${before} -> ${spec.nodeName}`);
  nodeOf.set(metadata.uid, spec.nodeName);
}

const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'load' },
  spec: {
    replicas: SMALL,
    selector: { matchLabels: { app: 'load' } },
    template: {
      metadata: { labels: { app: 'load' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          { name: 'main', image: 'nginx:1', resources: { requests: { cpu: '200m', memory: '32Mi' } } },
        ],
      },
    },
  },
};

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: NODES });
  watcher = new Watcher(cluster.kubeconfig, '/api/v1/pods', stop.signal, noteBinding);
  writer = new Writer(cluster.kubeconfig, stop.signal);
  running.push(watcher.run(), writer.run());
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(DEPLOYMENT) });
  await settled(SMALL);
});

afterAll(async () => {
  stop.abort();
  await Promise.all(running);
  await cluster.remove();
});

function isReady({ status, metadata }: Pod): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return ready && metadata.deletionTimestamp === undefined;
}

async function scale(replicas: number): Promise<void> {
  // The apiserver may be the one that is away: a user tries again.
  await eventually(
    `scale to ${replicas}`,
    async () => (await cluster.kubectl(['scale', 'deployment/load', `--replicas=${replicas}`])).code === 0,
    SETTLE_LIMIT_MS,
  );
}

/** Exactly so many pods, all of them ready. */
async function settled(replicas: number): Promise<Pod[]> {
  return eventually(
    `exactly ${replicas} ready pods`,
    async () => {
      const { items } = await cluster.get<{ items: Pod[] }>('pods', '-l', 'app=load');
      const ready = items.filter(isReady).length;
      if (items.length === replicas && ready === replicas) return items;
      throw new Error(`${items.length} pods, ${ready} ready`);
    },
    SETTLE_LIMIT_MS,
  );
}

async function strike({ kind, parts }: Fault): Promise<void> {
  if (kind === 'kill') {
    await Promise.all(parts.map((part) => cluster.signal(part, 'SIGKILL')));
    return;
  }
  await Promise.all(parts.map((part) => cluster.signal(part, 'SIGSTOP')));
  await systemClock.sleep(FREEZE_MS);
  await Promise.all(parts.map((part) => cluster.signal(part, 'SIGCONT')));
}

async function everythingRuns(): Promise<void> {
  await eventually('every part is ready again', async () => {
    const rows = await cluster.processes();
    return rows.every(({ ready }) => ready);
  });
}

/** What really runs, as the node agent's runtime says. */
async function sandboxes(): Promise<string[]> {
  const client = new RuntimeClient(
    `127.0.0.1:${cluster.ports()['node-agent-grpc']}`,
    credentials.createInsecure(),
  );
  try {
    const { items } = await new Promise<ListPodSandboxResponse>((resolve, reject) => {
      client.listPodSandbox({ node: '' }, (error, response) =>
        error === null ? resolve(response) : reject(error),
      );
    });
    return items.filter(({ state }) => state === 'SANDBOX_READY').map(({ uid }) => uid);
  } finally {
    client.close();
  }
}

function overcommitted(pods: readonly Pod[]): string[] {
  const used = new Map<string, number>();
  for (const { spec } of pods) {
    const cpu = spec.containers.reduce(
      (sum, each) => sum + milliValue(each.resources?.requests?.['cpu'] ?? '0'),
      0,
    );
    used.set(spec.nodeName!, (used.get(spec.nodeName!) ?? 0) + cpu);
  }
  return [...used].filter(([, milli]) => milli > 4_000).map(([node, milli]) => `${node}: ${milli}m`);
}

/** The pod events that the log holds after a revision. */
async function loggedEvents(afterRevision: number): Promise<SeenEvent[]> {
  const address = `127.0.0.1:${cluster.ports()['apiserver-grpc']}`;
  const client = createClient({ address, agent: 'chaos', logger: silentLogger() });
  try {
    const events: SeenEvent[] = [];
    for (let after = afterRevision; ;) {
      const page = await client.replay(Pods, after, 1_000);
      if (page.expired) throw new Error('the log does not reach back to the start of the round');
      const types = ['ADDED', 'MODIFIED', 'DELETED'];
      for (const { type, key, revision } of page.events) events.push({ type: types[type]!, key, revision });
      after = events.at(-1)?.revision ?? after;
      if (!page.more) return events;
    }
  } finally {
    await client.close();
  }
}

async function checkWatcher(sinceRevision: number, relistsBefore: number): Promise<void> {
  const logged = await eventually('the watcher has caught up', async () => {
    const events = await loggedEvents(sinceRevision);
    return watcher.revision >= (events.at(-1)?.revision ?? 0) ? events : undefined;
  });
  const seen = watcher.takeEvents();
  if (watcher.relists === relistsBefore) {
    // Later events may have come between the two looks; what was logged must be there exactly.
    expect(seen.slice(0, logged.length)).toEqual(logged);
  }
  const revisions = seen.map(({ revision }) => revision);
  expect(revisions.every((each, index) => index === 0 || each > revisions[index - 1]!)).toBe(true);
}

async function check(sinceRevision: number, relistsBefore: number): Promise<void> {
  const pods = await settled(LARGE);
  expect(rebound).toEqual([]);
  expect(overcommitted(pods)).toEqual([]);
  const wanted = pods.map(({ metadata }) => metadata.uid).toSorted();
  await eventually('what runs is what is wanted', async () => {
    const real = (await sandboxes()).toSorted();
    return JSON.stringify(real) === JSON.stringify(wanted);
  });
  const configMaps = await cluster.get<{ items: ConfigMap[] }>('configmaps');
  expect(writer.lost(configMaps.items)).toEqual([]);
  await checkWatcher(sinceRevision, relistsBefore);
}

describe('a Deployment grows from 10 to 300 while parts fail', () => {
  it.each(schedule().map((fault) => [`${fault.kind} ${fault.parts.join(' and ')}`, fault] as const))(
    '%s',
    async (_, fault) => {
      await settled(SMALL);
      watcher.takeEvents();
      const { revision, relists } = watcher;
      const growth = scale(LARGE);
      await systemClock.sleep(INTO_GROWTH_MS);
      await strike(fault);
      await growth;
      await everythingRuns();
      await check(revision, relists);
      await scale(SMALL);
      await settled(SMALL);
    },
  );
});

describe('what goes on while a part is away', () => {
  it('changes still arrive while NATS is down', async () => {
    await cluster.orreryOk('kill', 'nats');
    await scale(SMALL + 5);
    await settled(SMALL + 5);
    await cluster.orreryOk('start', 'nats');
    await scale(SMALL);
    await settled(SMALL);
  });

  it('running pods stay running while the apiserver is down', async () => {
    const before = await settled(SMALL);
    await cluster.orreryOk('kill', 'apiserver');
    const during = await sandboxes();
    await cluster.orreryOk('start', 'apiserver');
    const after = await settled(SMALL);
    const started = (pods: readonly Pod[]): string[] =>
      pods
        .map(({ metadata, status }) => `${metadata.uid} ${status?.containerStatuses?.[0]?.containerID}`)
        .toSorted();
    expect(during.toSorted()).toEqual(before.map(({ metadata }) => metadata.uid).toSorted());
    expect(started(after)).toEqual(started(before));
  });
});
