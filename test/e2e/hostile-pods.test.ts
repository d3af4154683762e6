/** Pods that take all they can get, all at once: others start and answer meanwhile, and nothing is left of them afterwards. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuSeconds } from '../bench/cpu-seconds.ts';
import { eventually, TestCluster } from '../support/cluster.ts';
import { Wire } from '../support/wire.ts';

/** A second on a quiet machine; tests share two cores with the cluster. */
const READY_LIMIT_MS = 3_000;
const MOST_MEMORY_BYTES = 400_000_000;
const CALM_CPU_PERCENT = 15;
const SAMPLE_MS = 1_000;

const HOSTILE: Readonly<Record<string, string>> = {
  talker: 'yes',
  spinner: 'while :; do :; done',
  'fork-bomb': 'bomb() { bomb | bomb & }; bomb; sleep 100000',
  doubler: 'x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done',
  hoarder: 'x=$(yes)',
  sorter: 'cat /dev/zero | tr "\\0" a | sort',
  pattern: 'x=$(printf "%0200d" 0); while :; do echo "${x}x" | sed -E "s/(0*)*y//"; done',
  awk: `awk 'BEGIN { while (1); }'`,
  filler: 'i=0; while dd if=/dev/zero of=/tmp/$i bs=1M count=100; do i=$((i+1)); done; sleep 100000',
  recursion: 'f() { f; }; f',
  wide: 'seq 1 1000000000 | tail -n 1',
};

let cluster: TestCluster;
let wire: Wire;
let agentPid: number;

const PODS = '/api/v1/namespaces/default/pods';

const shellPod = (name: string, script: string, annotations: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { hostile: 'true' }, annotations },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', script] }],
  },
});

async function agent(): Promise<{ pid: number; memoryBytes: number; restarts: number }> {
  const row = (await cluster.processes()).find(({ name }) => name === 'node-agent');
  if (typeof row?.pid !== 'number') throw new Error('the node agent does not run');
  return { ...row, pid: row.pid };
}

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2 });
  wire = Wire.of(cluster.kubeconfig);
  ({ pid: agentPid } = await agent());
  const items = Object.entries(HOSTILE).map(([name, script]) => shellPod(name, script));
  await cluster.kubectlOk(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });
  await eventually('all have begun', async () => {
    const { items: pods } = await cluster.get<{ items: Pod[] }>('pods', '-l', 'hostile');
    return pods.every(({ status }) => {
      const [main] = status?.containerStatuses ?? [];
      return main?.state?.running !== undefined || main?.lastState?.terminated !== undefined;
    });
  });
});
afterAll(async () => {
  wire.close();
  await cluster.remove();
});

describe('beside pods that take all they can get', () => {
  it.each(['first', 'second', 'third'])('a pod is ready as soon as ever: the %s', async (name) => {
    const web = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { containers: [{ name: 'main', image: 'nginx', readinessProbe: { httpGet: { port: 80 } } }] },
    };
    const beganMs = performance.now();
    const { code } = await wire.send('POST', PODS, { body: web });
    expect(code).toBe(201);
    const watch = await wire.watch<Pod>(`${PODS}?watch=true&fieldSelector=metadata.name%3D${name}`);
    while (!isReady((await watch.next()).object));
    watch.close();
    expect(performance.now() - beganMs).toBeLessThan(READY_LIMIT_MS);
    expect(await cluster.kubectlOk(['exec', name, '--', 'echo', 'here'])).toBe('here\n');
  });

  it('what a script may not do ends the script, with a reason', async () => {
    const lastWords = async (name: string): Promise<string> => {
      const previous = await cluster.kubectl(['logs', name, '--previous', '--tail=1']);
      return previous.code === 0 ? previous.stdout : '';
    };
    for (const [name, words] of [
      ['doubler', 'out of memory'],
      ['recursion', 'maximum function nesting level exceeded'],
    ] as const)
      await eventually(`${name}: ${words}`, async () => (await lastWords(name)).includes(words));
  });

  it('links that lead to each other, and ways out of the root, lead nowhere', async () => {
    const script = [
      'ln -s b /tmp/a; ln -s a /tmp/b; cat /tmp/a',
      'cat /../../../../../etc/hostname',
      'mkdir /tmp/d; ln -s / /tmp/d/root; cat /tmp/d/root/tmp/d/root/../../etc/hostname',
    ].join('\n');
    const said = await cluster.kubectl(['exec', 'first', '--', 'sh', '-c', script]);
    expect(said.stderr).toContain('/tmp/a');
    expect(said.stdout).toBe('first\nfirst\n');
  });

  it('an annotation that is no YAML, or far too much of it, is warned about', async () => {
    const texts = { deep: '{a: '.repeat(1_000), long: 'x'.repeat(100_000), aliases: 'a: &a [1]\nmain: *a' };
    const items = Object.entries(texts).map(([name, text]) =>
      shellPod(name, 'sleep 100000', { 'orrery.dev/behavior': text }),
    );
    const { stderr } = await cluster.kubectl(['create', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
    expect(stderr.match(/Warning: metadata.annotations\[orrery.dev\/behavior\]/g)).toHaveLength(items.length);
    await cluster.kubectlOk([
      'wait',
      'pod/deep',
      'pod/long',
      'pod/aliases',
      '--for=condition=Ready',
      '--timeout=20s',
    ]);
  });

  it('twenty sessions at once are all served', async () => {
    const sessions = Array.from({ length: 20 }, (_, index) =>
      cluster.kubectlOk(['exec', 'first', '--', 'sh', '-c', `sleep 1; echo ${index}`]),
    );
    expect((await Promise.all(sessions)).map((text) => text.trim())).toEqual(
      sessions.map((_, index) => String(index)),
    );
  });

  it('the node agent holds what it may, and has not ended', async () => {
    const { pid, memoryBytes, restarts } = await agent();
    expect([pid, restarts]).toEqual([agentPid, 0]);
    expect(memoryBytes).toBeLessThan(MOST_MEMORY_BYTES);
  });
});

it('nothing is left of them when they are deleted', async () => {
  await cluster.kubectlOk(['delete', 'pods', '--all', '--now']);
  await eventually('the node agent is calm', async () => {
    const before = cpuSeconds(agentPid);
    await systemClock.sleep(SAMPLE_MS);
    const percent = ((cpuSeconds(agentPid) - before) * 1_000 * 100) / SAMPLE_MS;
    if (percent > CALM_CPU_PERCENT) throw new Error(`${percent} % of a core`);
    return true;
  });
});
