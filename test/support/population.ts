/** Pods of all kinds on one node agent, and what must be true of them however often it dies. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Deployment, Pod } from '@orrery/api/gen/types.ts';
import { eventually, type TestCluster } from './cluster.ts';
import { Wire } from './wire.ts';

export interface PopulationSizes {
  plain: number;
  /** nginx, with a probe over HTTP. */
  servers: number;
  /** Shells that count in their log and in a file of an emptyDir. */
  loops: number;
  /** Shells with a probe that executes a command. */
  probed: number;
}

const deployment = (name: string, replicas: number, container: object, more: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'busybox', ...container }], ...more },
    },
  },
});

const pod = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { terminationGracePeriodSeconds: 1, ...spec },
});

const shell = (name: string, script: string, more: object = {}): object => ({
  name,
  image: 'busybox',
  command: ['sh', '-c', script],
  ...more,
});

const COUNT = 'n=0; while true; do n=$((n+1)); echo $n; echo $n >> /data/out; sleep 3; done';
const data = { name: 'data', emptyDir: {} };
const mounted = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
/** On a clock that runs five times as fast the agent itself has a second to carry a probe out, as on one that does not. */
const often = { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 2 };

const objects = ({ plain, servers, loops, probed }: PopulationSizes): object[] => [
  deployment('plain', plain, { image: 'example.com/app:1' }),
  deployment('servers', servers, { image: 'nginx', livenessProbe: { httpGet: { port: 80 }, ...often } }),
  deployment('loops', loops, shell('main', COUNT, mounted), { volumes: [data] }),
  deployment(
    'probed',
    probed,
    shell('main', 'touch /tmp/healthy; sleep 360000', {
      livenessProbe: { exec: { command: ['cat', '/tmp/healthy'] }, ...often },
    }),
  ),
  pod('crashing', { containers: [shell('main', 'echo crashed; exit 3')] }),
  pod('accompanied', {
    initContainers: [shell('sidecar', 'echo began; sleep 360000', { restartPolicy: 'Always' })],
    containers: [shell('main', 'echo began; sleep 360000')],
  }),
  pod('half-way', {
    initContainers: [
      shell('first', 'echo began >> /data/first', mounted),
      shell('second', 'echo began >> /data/second; until [ -f /data/go ]; do sleep 1; done', mounted),
    ],
    containers: [shell('main', 'cat /data/first /data/second; sleep 360000', mounted)],
    volumes: [data],
  }),
];

/**
 * What tells a container that restarted, or was made again, from one that ran on, by container.
 * The one that crashes is left out.
 */
function identities(pods: Iterable<Pod>): string[] {
  return [...pods]
    .filter(({ metadata }) => metadata.name !== 'crashing')
    .flatMap(({ metadata, status = {} }) =>
      [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
        ({ name, containerID, restartCount, state }) => {
          const sinceOrUntil = state?.running?.startedAt ?? state?.terminated?.finishedAt;
          return [
            metadata.name,
            metadata.uid,
            status.podIP,
            name,
            containerID,
            restartCount,
            sinceOrUntil,
          ].join(' ');
        },
      ),
    )
    .toSorted();
}

/**
 * The steps of a count that are wrong: each number follows the one before it. Where the agent was
 * away a number may come once more, for it was killed between the line and its note of it; at most
 * once for each time.
 */
function brokenCounts(counts: readonly number[], interruptions: number): string[] {
  const broken: string[] = [];
  let repeated = 0;
  for (const [index, count] of counts.entries()) {
    const before = counts[index - 1] ?? 0;
    if (count === before) repeated += 1;
    else if (count !== before + 1) broken.push(`${count} after ${before}`);
  }
  return repeated > interruptions ? [...broken, `${repeated} numbers came twice`] : broken;
}

const numbers = (text: string): number[] => text.trimEnd().split('\n').map(Number);

export class Population {
  readonly #cluster: TestCluster;
  readonly #wire: Wire;
  readonly #sizes: PopulationSizes;
  /** How often the agent has been away. */
  #interruptions = 0;

  private constructor(cluster: TestCluster, sizes: PopulationSizes) {
    this.#cluster = cluster;
    this.#wire = Wire.of(cluster.kubeconfig);
    this.#sizes = sizes;
  }

  /** Resolves when all of them run, and the one that crashes has crashed. */
  static async start(cluster: TestCluster, sizes: PopulationSizes): Promise<Population> {
    const population = new Population(cluster, sizes);
    await cluster.kubectlOk(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects(sizes) }),
    });
    await Promise.all([
      ...Object.entries(sizes).map(([name, replicas]) => population.rolledOut(name, replicas as number)),
      cluster.kubectlOk(['wait', '--for=condition=Ready', 'pod/accompanied', '--timeout=60s']),
      eventually('one has crashed', async () => (await population.#crashes()) >= 2),
    ]);
    return population;
  }

  close(): void {
    this.#wire.close();
  }

  async pods(): Promise<Pod[]> {
    const { text } = await this.#wire.send('GET', '/api/v1/namespaces/default/pods');
    return (JSON.parse(text) as { items: Pod[] }).items;
  }

  async rolledOut(name: string, replicas: number): Promise<void> {
    await eventually(`${replicas} pods of ${name}`, async () => {
      const { status } = await this.#cluster.get<Deployment>('deployment', name);
      return status?.readyReplicas === replicas;
    });
  }

  /**
   * Does something because of which the agent is away so many times, and waits until each loop has
   * gone on. Nothing else may have changed: no container restarted, none is lost, and no count has a gap.
   */
  async survives(harm: () => Promise<void>, times = 1): Promise<void> {
    this.#interruptions += times;
    const [before, crashes] = [await this.pods(), await this.#crashes()];
    const loops = before.filter(({ metadata }) => metadata.labels?.['app'] === 'loops');
    equal(loops.length, this.#sizes.loops);
    const said = await this.#counts(loops);
    await harm();
    const goneOn = await eventually('all loops go on', async () => {
      const now = await this.#counts(loops);
      const late = now.filter((counts, index) => counts.at(-1)! < said[index]!.at(-1)! + 2);
      if (late.length > 0) throw new Error(`${late.length} of ${loops.length} do not`);
      return now;
    });
    for (const [index, counts] of goneOn.entries()) {
      const { name } = loops[index]!.metadata;
      deepEqual(counts.slice(0, said[index]!.length), said[index], `what ${name} had said`);
      deepEqual(brokenCounts(counts, this.#interruptions), [], name);
    }
    const known = new Set(before.map(({ metadata }) => metadata.uid));
    const after = await this.pods();
    deepEqual(identities(after.filter(({ metadata }) => known.has(metadata.uid))), identities(before));
    equal(new Set(after.map(({ status }) => status?.podIP)).size, after.length, 'each has its own address');
    ok((await this.#crashes()) >= crashes, 'restarts are not forgotten');
    await this.#canExecuteAndFollow(loops[0]!);
  }

  /** Sees to it that each part of the pods that are more than their container began once, and ends what is half done. */
  async finishHalfDone(): Promise<void> {
    const kubectl = (...args: string[]): Promise<string> => this.#cluster.kubectlOk(args);
    const { status } = await this.#cluster.get<Pod>('pod', 'half-way');
    deepEqual(
      status?.initContainerStatuses?.map(({ ready }) => ready),
      [true, false],
    );
    await kubectl('exec', 'half-way', '-c', 'second', '--', 'touch', '/data/go');
    await kubectl('wait', '--for=condition=Ready', 'pod/half-way', '--timeout=60s');
    equal(await kubectl('logs', 'half-way', '-c', 'main'), 'began\nbegan\n');
    for (const container of ['main', 'sidecar'])
      equal(await kubectl('logs', 'accompanied', '-c', container), 'began\n');
  }

  async #crashes(): Promise<number> {
    const { status } = await this.#cluster.get<Pod>('pod', 'crashing');
    return status?.containerStatuses?.[0]?.restartCount ?? 0;
  }

  #counts(loops: readonly Pod[]): Promise<number[][]> {
    return Promise.all(
      loops.map(async ({ metadata: { name } }) => {
        const { code, text } = await this.#wire.send('GET', `/api/v1/namespaces/default/pods/${name}/log`);
        if (code !== 200) throw new Error(text);
        return numbers(text);
      }),
    );
  }

  async #canExecuteAndFollow({ metadata: { name } }: Pod): Promise<void> {
    const written = await this.#cluster.kubectlOk(['exec', name, '--', 'cat', '/data/out']);
    deepEqual(brokenCounts(numbers(written), this.#interruptions), [], 'the file');
    const follow = await this.#cluster.startKubectl(['logs', '-f', '--tail=1', name]);
    try {
      await eventually('another line', () => Promise.resolve(follow.output.split('\n').length > 2));
    } finally {
      follow.stop();
    }
  }
}
