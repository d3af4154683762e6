/**
 * Every part dies, freezes and comes back while a Deployment grows from 10 to 300 pods.
 * Afterwards everything must be as if nothing had happened. ORRERY_CHAOS_ROUNDS repeats the
 * whole schedule; ORRERY_CHAOS_SEED chooses the moments and what happens to pairs.
 */

import { credentials } from '@grpc/grpc-js';
import type { ConfigMap, KubeObject, Lease, Pod } from '@orrery/api/gen/types.ts';
import { ConfigMaps, Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { createClient } from '@orrery/client/session.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { type ListPodSandboxResponse, RuntimeClient } from '@orrery/proto/orrery/runtime.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import { PodLedger } from './pod-ledger.ts';
import { describeFault, type Fault, type Part, schedule } from './schedule.ts';
import { Twin } from './twin.ts';
import { type SeenEvent, Watcher } from './watcher.ts';
import { lostCounts, Writer } from './writer.ts';

const NODES = 20;
const NODE_MILLI_CPU = 4_000;
const SMALL = 10;
const LARGE = 300;
/** Fifteen pods fill a node: the 300 fit, and not one more. */
const POD_CPU = '260m';
const FREEZE_MS = 10_000;
const SETTLE_LIMIT_MS = 60_000;

const FAULTS = schedule({
  seed: Number(process.env['ORRERY_CHAOS_SEED'] ?? '1'),
  rounds: Number(process.env['ORRERY_CHAOS_ROUNDS'] ?? '1'),
  fewestPods: SMALL + 1,
  mostPods: LARGE - 1,
});

let cluster: TestCluster;
let watcher: Watcher;
let writer: Writer;
const ledger = new PodLedger(NODE_MILLI_CPU);
const stop = new AbortController();
const running: Promise<void>[] = [];

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
          { name: 'main', image: 'nginx:1', resources: { requests: { cpu: POD_CPU, memory: '32Mi' } } },
        ],
      },
    },
  },
};

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: NODES });
  watcher = new Watcher(cluster.kubeconfig, '/api/v1/pods', stop.signal, ledger);
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
    async () => {
      const { code, stderr } = await cluster.kubectl(['scale', 'deployment/load', `--replicas=${replicas}`]);
      if (code !== 0) throw new Error(stderr);
      return true;
    },
    SETTLE_LIMIT_MS,
  );
}

/** Exactly so many pods, all of them ready, and nothing else runs on the nodes. */
async function settled(replicas: number): Promise<Pod[]> {
  const pods = await eventually(
    `exactly ${replicas} ready pods`,
    async () => {
      const { items } = await cluster.get<{ items: Pod[] }>('pods', '-l', 'app=load');
      const ready = items.filter(isReady).length;
      if (items.length === replicas && ready === replicas) return items;
      throw new Error(`${items.length} pods, ${ready} ready`);
    },
    SETTLE_LIMIT_MS,
  );
  await eventually('what runs is what is wanted', async () => {
    const wanted = new Set(pods.map(({ metadata }) => metadata.uid));
    const real = await sandboxes();
    const orphans = real.filter((uid) => !wanted.delete(uid));
    if (orphans.length + wanted.size === 0) return true;
    throw new Error(`runs and is not wanted: ${orphans.join(', ')}; wanted: ${[...wanted].join(', ')}`);
  });
  return pods;
}

async function pidsOf(parts: readonly Part[]): Promise<Map<Part, number>> {
  const rows = await cluster.processes();
  return new Map(
    parts.map((part) => {
      const pid = rows.find(({ name }) => name === part)?.pid;
      if (typeof pid !== 'number') throw new Error(`${part} does not run`);
      return [part, pid];
    }),
  );
}

/** As an accident would: nobody told the supervisor. */
async function strike({ harms }: Fault, pids: ReadonlyMap<Part, number>): Promise<void> {
  for (const [harm, part] of harms) process.kill(pids.get(part)!, harm === 'kill' ? 'SIGKILL' : 'SIGSTOP');
  const frozen = harms.flatMap(([harm, part]) => (harm === 'freeze' ? pids.get(part)! : []));
  if (frozen.length === 0) return;
  await systemClock.sleep(FREEZE_MS);
  for (const pid of frozen) process.kill(pid, 'SIGCONT');
}

async function everythingRuns(): Promise<void> {
  await eventually('every part is ready again', async () => {
    const away = (await cluster.processes()).filter(({ ready }) => !ready);
    if (away.length === 0) return true;
    throw new Error(`not ready: ${away.map(({ name, state }) => `${name} (${state})`).join(', ')}`);
  });
}

/** What really runs, as the node agent's runtime says: uids of pods. */
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

const EVENT_TYPES = ['ADDED', 'MODIFIED', 'DELETED'];

/** The events of a resource that the log holds after a revision. */
async function loggedEvents(resource: ResourceRef, afterRevision: number): Promise<SeenEvent[]> {
  const address = `127.0.0.1:${cluster.ports()['apiserver-grpc']}`;
  const client = createClient({ address, agent: 'chaos', logger: silentLogger() });
  try {
    const events: SeenEvent[] = [];
    for (let after = afterRevision; ;) {
      const page = await client.replay(resource, after, 1_000);
      if (page.expired) throw new Error('the log does not reach back to the start of the round');
      for (const { type, key, revision } of page.events)
        events.push({ type: EVENT_TYPES[type]!, key, revision });
      after = events.at(-1)?.revision ?? after;
      if (!page.more) return events;
    }
  } finally {
    await client.close();
  }
}

/** The first place where the watcher saw something else than happened. */
function firstDifference(seen: readonly SeenEvent[], logged: readonly SeenEvent[]): string | undefined {
  const show = (event: SeenEvent | undefined): string =>
    event === undefined ? 'nothing' : `${event.type} ${event.key} ${event.revision}`;
  for (const [index, event] of logged.entries())
    if (show(seen[index]) !== show(event))
      return `event ${index} of ${logged.length}: saw ${show(seen[index])}, logged is ${show(event)}`;
  return undefined;
}

/** Every event once and in order, and the same pods in the end. */
async function checkWatcher(): Promise<SeenEvent[]> {
  const logged = await eventually('the watcher has caught up', async () => {
    const events = await loggedEvents(Pods, watcher.startRevision);
    const head = events.at(-1)?.revision ?? 0;
    if (watcher.revision >= head) return events;
    throw new Error(`the log ends at ${head}, the watcher saw ${watcher.revision}`);
  });
  // More may have been seen since the log was read.
  const difference = firstDifference(watcher.events, logged);
  expect(difference, difference).toBeUndefined();
  const { items } = await cluster.get<{ items: Pod[] }>('pods', '-A');
  const name = ({ metadata }: KubeObject): string =>
    `${metadata.namespace}/${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`;
  expect([...watcher.objects.values()].map(name).toSorted()).toEqual(items.map(name).toSorted());
  return logged;
}

/** What was acknowledged is stored, and is in the log under the revision that the answer named. */
async function checkWrites(sinceRevision: number): Promise<void> {
  const counts = writer.counts();
  const acknowledged = writer.takeAcknowledged();
  expect(acknowledged.length, 'writes were acknowledged in this round').toBeGreaterThan(0);
  const { items } = await cluster.get<{ items: ConfigMap[] }>('configmaps', '-n', 'default');
  expect(lostCounts(counts, items)).toEqual([]);
  const logged = new Set(
    (await loggedEvents(ConfigMaps, sinceRevision)).map(({ key, revision }) => `${key} ${revision}`),
  );
  const missing = acknowledged.filter(({ key, revision }) => !logged.has(`${key} ${revision}`));
  expect(missing, 'acknowledged writes that the log does not have').toEqual([]);
  const backwards = acknowledged.filter(
    ({ revision }, index) => revision <= (acknowledged[index - 1]?.revision ?? 0),
  );
  expect(backwards, 'writes whose revision is not above that of the write before').toEqual([]);
}

interface Mark {
  revision: number;
}

/** Settles at a size and forgets what was before, all of it: also what the watcher is yet to see. */
async function beginAt(replicas: number): Promise<Mark> {
  await scale(replicas);
  await settled(replicas);
  await eventually('the watcher has caught up', async () => {
    const behind = await loggedEvents(Pods, watcher.revision);
    if (behind.length === 0) return true;
    throw new Error(`it is ${behind.length} events behind`);
  });
  ledger.takeViolations();
  watcher.forget();
  writer.takeAcknowledged();
  return { revision: watcher.revision };
}

async function check(replicas: number, { revision }: Mark): Promise<SeenEvent[]> {
  await settled(replicas);
  await checkWrites(revision);
  const logged = await checkWatcher();
  expect(ledger.takeViolations()).toEqual([]);
  return logged;
}

/** Pods that came and pods that went, however short they were there. */
function comings(logged: readonly SeenEvent[]): { created: number; deleted: number } {
  const count = (wanted: string): number => logged.filter(({ type }) => type === wanted).length;
  return { created: count('ADDED'), deleted: count('DELETED') };
}

describe('a Deployment grows from 10 to 300 and shrinks again while parts fail', () => {
  it.each(FAULTS.map((fault) => [describeFault(fault), fault] as const))('%s', async (_, fault) => {
    const grows = fault.during === 'growth';
    const [from, to] = grows ? [SMALL, LARGE] : [LARGE, SMALL];
    const mark = await beginAt(from);
    const pids = await pidsOf(fault.harms.map(([, part]) => part));
    const moved = scale(to);
    await ledger.reaches(fault.atPods, grows ? 'up' : 'down');
    await strike(fault, pids);
    await moved;
    await everythingRuns();
    const relisted = watcher.startRevision !== mark.revision;
    const logged = await check(to, mark);
    const steps = LARGE - SMALL;
    if (!relisted)
      expect(comings(logged)).toEqual({ created: grows ? steps : 0, deleted: grows ? 0 : steps });
  });
});

/** How often the Lease of a leader has changed hands. */
async function leaseTransitions(leader: Part): Promise<number> {
  const { spec } = await cluster.get<Lease>('lease', `kube-${leader}`, '-n', 'kube-system');
  return spec.leaseTransitions ?? 0;
}

describe('a leader that was frozen and replaced changes nothing when it wakes', () => {
  it.each(['controller-manager', 'scheduler'] as const)('%s', async (leader) => {
    const mark = await beginAt(SMALL);
    const before = await leaseTransitions(leader);
    const pid = (await pidsOf([leader])).get(leader)!;
    const grown = scale(LARGE);
    await ledger.reaches(SMALL + 20, 'up');
    process.kill(pid, 'SIGSTOP');
    const twin = await Twin.of(leader, cluster.data);
    try {
      await eventually('the other leads', async () => (await leaseTransitions(leader)) > before);
      // It goes on where it stood, with all its plans, and only then learns of the other.
      process.kill(pid, 'SIGCONT');
      await grown;
      const logged = await check(LARGE, mark);
      expect(comings(logged)).toEqual({ created: LARGE - SMALL, deleted: 0 });
    } finally {
      process.kill(pid, 'SIGCONT');
      await twin.end();
    }
    await everythingRuns();
  });
});

describe('what goes on while a part is away', () => {
  it('changes still arrive while NATS is down', async () => {
    const mark = await beginAt(SMALL);
    await cluster.orreryOk('kill', 'nats');
    await scale(SMALL + 5);
    await check(SMALL + 5, mark);
    await cluster.orreryOk('start', 'nats');
    await scale(SMALL);
    await check(SMALL, mark);
  });

  it('running pods stay running while the apiserver is down', async () => {
    const mark = await beginAt(SMALL);
    const before = await settled(SMALL);
    await cluster.orreryOk('kill', 'apiserver');
    await systemClock.sleep(FREEZE_MS / 2);
    const during = await sandboxes();
    await cluster.orreryOk('start', 'apiserver');
    const uids = before.map(({ metadata }) => metadata.uid).toSorted();
    expect(during.toSorted()).toEqual(uids);
    await check(SMALL, mark);
    const after = await settled(SMALL);
    expect(after.map(({ metadata }) => metadata.uid).toSorted()).toEqual(uids);
  });
});
