/**
 * A mixed load while parts die: Deployments roll, a StatefulSet is scaled, Jobs finish, nodes leave
 * and join. The same load runs undisturbed first; afterwards the end state has to be the same, and
 * at no time may have happened what must not happen (invariants 1, 5, 8, 9 and 10).
 * ORRERY_CHAOS_SEED chooses who dies when.
 */

import { credentials } from '@grpc/grpc-js';
import type { ControllerRevision, Job, KubeObject, Pod, ReplicaSet } from '@orrery/api/gen/types.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { type ListPodSandboxResponse, RuntimeClient } from '@orrery/proto/orrery/runtime.ts';
import { describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import { MixedLedger } from './mixed-ledger.ts';
import { generator, PARTS } from './schedule.ts';
import { Watcher } from './watcher.ts';

const NODES = 8;
const MORE_NODES = 11;
const REPLICAS = 12;
const MAX_SURGE = 3;
const MAX_UNAVAILABLE = 3;
const MEMBERS = 5;
const JOBS = 6;
const COMPLETIONS = 5;
/** Rollouts of the Deployment, one after another. */
const VERSIONS = 9;
const LIMIT_MS = 120_000;
/** Between two kills, on average; the part is up again before, mostly. */
const BETWEEN_KILLS_MS = 1_500;

const template = (app: string, image: string, more: object = {}): object => ({
  metadata: { labels: { app } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image, resources: { requests: { cpu: '200m' } } }],
    ...more,
  },
});

function deployment(image: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'roll' },
    spec: {
      replicas: REPLICAS,
      strategy: { rollingUpdate: { maxSurge: MAX_SURGE, maxUnavailable: MAX_UNAVAILABLE } },
      selector: { matchLabels: { app: 'roll' } },
      template: template('roll', image),
    },
  };
}

const BUDGET = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'roll' },
  spec: { maxUnavailable: MAX_UNAVAILABLE, selector: { matchLabels: { app: 'roll' } } },
};

function statefulSet(replicas: number): object {
  const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db' },
    spec: {
      replicas,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template: template('db', 'example.com/db:1'),
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
    },
  };
}

const DAEMONS = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'agent' },
  spec: { selector: { matchLabels: { app: 'agent' } }, template: template('agent', 'example.com/agent:1') },
};

function job(name: string): object {
  const command = ['sh', '-c', 'sleep 1'];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      completions: COMPLETIONS,
      parallelism: 2,
      // Pods that leave with their node are no failures: how many there are is up to chance.
      podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }] },
      template: {
        metadata: { labels: { app: 'job' } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox:1.37', command }] },
      },
    },
  };
}

/** The cluster under load, and who watches it. */
class Scene {
  readonly cluster: TestCluster;
  readonly ledger = new MixedLedger({ app: 'roll', mostPods: REPLICAS + MAX_SURGE });
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  #identities: Promise<void> = Promise.resolve();

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
    this.#watching = new Watcher(cluster.kubeconfig, '/api/v1/pods', this.#stop.signal, this.ledger).run();
    this.#identities = this.#watchIdentities();
  }

  static async start(): Promise<Scene> {
    return new Scene(await TestCluster.start({ nodes: NODES }));
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#watching, this.#identities]);
    await this.cluster.remove();
  }

  /** As a user would while the apiserver may be away: again, until it is done. */
  async insist(what: string, ...args: string[]): Promise<void> {
    await eventually(
      what,
      async () => {
        const { code, stderr } = await this.cluster.kubectl(args);
        if (code !== 0) throw new Error(stderr);
        return true;
      },
      LIMIT_MS,
    );
  }

  async apply(object: object): Promise<void> {
    await eventually(
      'it is applied',
      async () => {
        const input = JSON.stringify(object);
        const { code, stderr } = await this.cluster.kubectl(['apply', '-f', '-'], { input });
        if (code !== 0) throw new Error(stderr);
        return true;
      },
      LIMIT_MS,
    );
  }

  /** Polls what really runs: of one identity of the StatefulSet never two at once. */
  async #watchIdentities(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const names = await this.#running().catch(() => []);
      const members = names.filter((name) => /^db-\d+$/.test(name));
      for (const name of new Set(members)) {
        if (members.filter((each) => each === name).length > 1)
          this.ledger.violate(`two of ${name} run at once`);
      }
      await systemClock.sleep(100, this.#stop.signal);
    }
  }

  async #running(): Promise<string[]> {
    const address = `127.0.0.1:${this.cluster.ports()['node-agent-grpc']}`;
    const client = new RuntimeClient(address, credentials.createInsecure());
    try {
      const { items } = await new Promise<ListPodSandboxResponse>((resolve, reject) => {
        client.listPodSandbox({ node: '' }, (error, response) =>
          error === null ? resolve(response) : reject(error),
        );
      });
      return items.filter(({ state }) => state === 'SANDBOX_READY').map(({ name }) => name);
    } finally {
      client.close();
    }
  }
}

/** The whole load, one step after another, each begun before the one before has ended. */
async function runLoad(scene: Scene): Promise<void> {
  await scene.apply(deployment('example.com/app:1'));
  await scene.apply(BUDGET);
  await scene.apply(DAEMONS);
  await scene.apply(statefulSet(MEMBERS));
  await scene.insist('the first rollout', 'rollout', 'status', 'deploy/roll', '--timeout=60s');
  for (let index = 0; index < JOBS; index += 1) await scene.apply(job(`job-${index}`));
  for (let version = 2; version <= VERSIONS; version += 1) {
    const isEven = version % 2 === 0;
    await resize(scene, isEven ? MORE_NODES : NODES);
    await scene.apply(deployment(`example.com/app:${version}`));
    await scene.apply(statefulSet(isEven ? 2 : MEMBERS));
    await scene.insist('the next rollout', 'rollout', 'status', 'deploy/roll', '--timeout=60s');
  }
  await resize(scene, NODES);
  await scene.apply(statefulSet(MEMBERS));
}

async function resize(scene: Scene, nodes: number): Promise<void> {
  await eventually(
    `${nodes} nodes are asked for`,
    async () => {
      const { code, stderr } = await scene.cluster.orrery('nodes', String(nodes));
      if (code !== 0) throw new Error(stderr);
      return true;
    },
    LIMIT_MS,
  );
}

/** Kills one part after another until the load is done. */
async function killWhile(scene: Scene, load: Promise<void>): Promise<string[]> {
  const random = generator(Number(process.env['ORRERY_CHAOS_SEED'] ?? '1'));
  const ended = new AbortController();
  const over = load.finally(() => ended.abort());
  const killed: string[] = [];
  while (!ended.signal.aborted) {
    const part = PARTS[Math.floor(random() * PARTS.length)]!;
    const row = (await scene.cluster.processes()).find(({ name }) => name === part);
    // One that is not up again yet would only be found dead.
    if (typeof row?.pid === 'number' && row.ready) {
      process.kill(row.pid, 'SIGKILL');
      killed.push(part);
    }
    await Promise.race([over.catch(() => undefined), systemClock.sleep(BETWEEN_KILLS_MS * (0.5 + random()))]);
  }
  await over;
  return killed;
}

interface List<T> {
  items: T[];
}

const sorted = (texts: readonly string[]): string[] => texts.toSorted((a, b) => (a < b ? -1 : 1));
const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;

/** All pods but those of Jobs, which go with the node that they have ended on. */
async function lastingPods({ cluster }: Scene): Promise<Pod[]> {
  const { items } = await cluster.get<List<Pod>>('pods', '-l', 'app!=job');
  return items;
}

/** Everything that the load leaves behind, without names and times that chance decides. */
async function endState(scene: Scene): Promise<object> {
  const { cluster } = scene;
  const pods = await lastingPods(scene);
  const { items: jobs } = await cluster.get<List<Job>>('jobs');
  const { items: sets } = await cluster.get<List<ReplicaSet>>('rs');
  const { items: revisions } = await cluster.get<List<ControllerRevision>>('controllerrevisions');
  const { items: claims } = await cluster.get<List<KubeObject>>('pvc');
  const { items: nodes } = await cluster.get<List<KubeObject>>('nodes');
  const name = ({ metadata }: KubeObject): string => metadata.name;
  return {
    pods: sorted(
      pods.map(({ metadata, spec, status }) => {
        const app = metadata.labels?.['app'] ?? '';
        const who = app === 'db' ? metadata.name : app;
        const where = app === 'agent' ? spec.nodeName : '';
        return `${who} ${spec.containers[0]!.image} ${status?.phase} ${where}`;
      }),
    ),
    unready: pods.filter((pod) => pod.status?.phase === 'Running' && !isReady(pod)).map(name),
    jobs: sorted(
      jobs.map(({ metadata, status = {} }) => {
        const { succeeded = 0, failed = 0, conditions = [] } = status;
        return `${metadata.name}: ${succeeded} succeeded, ${failed} failed, ${conditions.map(({ type }) => type).join()}`;
      }),
    ),
    replicaSets: sorted(
      sets.map(({ metadata, spec }) => {
        const revision = metadata.annotations?.['deployment.kubernetes.io/revision'];
        return `${revision}: ${spec.replicas} of ${spec.template?.spec?.containers[0]?.image}`;
      }),
    ),
    revisions: sorted(
      revisions.map((each) => `${each.metadata.ownerReferences?.[0]?.name} ${each.revision}`),
    ),
    claims: sorted(claims.map(name)),
    nodes: sorted(nodes.map(name)),
  };
}

/** The end state once it is the wanted one; it then has to stay. */
async function settledState(scene: Scene): Promise<object> {
  return eventually(
    'the load has settled',
    async () => {
      const pods = await lastingPods(scene);
      const count = (app: string): number =>
        pods.filter((pod) => pod.metadata.labels?.['app'] === app && isReady(pod)).length;
      const counts = [count('roll'), count('db'), count('agent')];
      const wanted = [REPLICAS, MEMBERS, NODES];
      const { items: jobs } = await scene.cluster.get<List<Job>>('jobs');
      const done = jobs.filter(({ status }) => status?.completionTime !== undefined).length;
      const isSettled = counts.join() === wanted.join() && done === JOBS;
      if (!isSettled || pods.length !== wanted.reduce((sum, each) => sum + each)) {
        throw new Error(
          `${counts.join()} ready, wanted ${wanted.join()}; ${done} Jobs done; ${pods.length} pods`,
        );
      }
      return endState(scene);
    },
    LIMIT_MS,
  );
}

async function run(disturbed: boolean): Promise<{ state: object; violations: string[]; killed: string[] }> {
  const scene = await Scene.start();
  try {
    const load = runLoad(scene);
    const killed = disturbed ? await killWhile(scene, load) : (await load, []);
    const state = await settledState(scene);
    // Nothing moves any more, and the state stays what it is.
    await systemClock.sleep(3_000);
    expect(await endState(scene)).toEqual(state);
    await checkCollection(scene);
    return { state, violations: scene.ledger.violations, killed };
  } finally {
    await scene.end();
  }
}

/** Nothing outlives its owner, and nothing goes that has one. */
async function checkCollection({ cluster }: Scene): Promise<void> {
  await cluster.kubectlOk(['delete', 'deploy/roll', 'sts/db', '--wait=false']);
  await cluster.kubectlOk(['delete', 'jobs', '--all', '--wait=false']);
  await eventually('only what still has an owner is left', async () => {
    const { items: pods } = await cluster.get<List<Pod>>('pods');
    const others = pods.filter(({ metadata }) => metadata.labels?.['app'] !== 'agent');
    const { items: sets } = await cluster.get<List<KubeObject>>('rs');
    if (others.length + sets.length > 0)
      throw new Error(`${others.length} pods and ${sets.length} ReplicaSets are left`);
    return true;
  });
  const { items: daemons } = await cluster.get<List<Pod>>('pods', '-l', 'app=agent');
  expect(daemons).toHaveLength(NODES);
  const { items: claims } = await cluster.get<List<KubeObject>>('pvc');
  expect(claims).toHaveLength(MEMBERS);
}

describe('a mixed load', () => {
  it('comes to the same end whether or not parts die meanwhile', async () => {
    const calm = await run(false);
    expect(calm.violations).toEqual([]);
    const disturbed = await run(true);
    expect(disturbed.killed.length, 'parts were killed').toBeGreaterThan(5);
    expect(disturbed.violations).toEqual([]);
    expect(disturbed.state).toEqual(calm.state);
  });
});
