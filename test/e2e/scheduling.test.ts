/** The scheduler on a whole cluster, with real kubectl: near and away, spread, preemption, gates, and other schedulers. */

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event, Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;
let directory: string;

/** A second profile that fills nodes one after another. */
const PROFILES = `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  plugins:
    score:
      disabled: [{name: '*'}]
      enabled: [{name: NodeResourcesFit}]
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated}}
`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-scheduler-'));
  const schedulerConfig = join(directory, 'scheduler.yaml');
  await writeFile(schedulerConfig, PROFILES);
  cluster = await TestCluster.start({ nodes: 4, schedulerConfig });
  await run('label', 'node', 'node-1', 'node-2', 'zone=a');
  await run('label', 'node', 'node-3', 'node-4', 'zone=b');
});
afterAll(async () => {
  await cluster.remove();
  await rm(directory, { recursive: true });
});

const run = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (object: object): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(object) });

function workload(
  name: string,
  replicas: number,
  spec: object,
  requests: Record<string, string> = {},
): object {
  const container = { name: 'main', image: 'web:1', resources: { requests } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 0, containers: [container], ...spec },
      },
    },
  };
}

async function podsOf(app: string): Promise<Pod[]> {
  return (JSON.parse(await run('get', 'pods', '-l', `app=${app}`, '-o', 'json')) as { items: Pod[] }).items;
}

const nodesOf = async (app: string): Promise<string[]> =>
  (await podsOf(app)).map(({ spec }) => spec.nodeName ?? '').sort();

const rolledOut = (name: string): Promise<string> =>
  run('rollout', 'status', `deploy/${name}`, '--timeout=30s');
const term = (app: string, topologyKey: string): object => ({
  topologyKey,
  labelSelector: { matchLabels: { app } },
});

describe('affinity', () => {
  it('keeps the pods of one kind apart, and lets others only near them', async () => {
    const away = { requiredDuringSchedulingIgnoredDuringExecution: [term('cache', 'zone')] };
    await apply(workload('cache', 2, { affinity: { podAntiAffinity: away } }));
    await rolledOut('cache');
    const zones = new Set((await nodesOf('cache')).map((node) => (node < 'node-3' ? 'a' : 'b')));
    expect(zones.size).toBe(2);
    await run('scale', 'deploy/cache', '--replicas=3');
    const waiting = await eventually('the third one waits', async () => {
      const pods = await podsOf('cache');
      return pods.find(({ status }) => status?.conditions?.some(({ reason }) => reason === 'Unschedulable'));
    });
    const message = waiting.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
    expect(message).toMatch(
      /^0\/4 nodes are available: 4 node\(s\) didn't match pod anti-affinity rules\. preemption: /,
    );
    await run('delete', 'deploy', 'cache');

    await apply(workload('db', 1, { nodeName: 'node-4' }));
    const near = { requiredDuringSchedulingIgnoredDuringExecution: [term('db', 'kubernetes.io/hostname')] };
    await apply(workload('sidekick', 3, { affinity: { podAffinity: near } }));
    await rolledOut('sidekick');
    expect(await nodesOf('sidekick')).toEqual(['node-4', 'node-4', 'node-4']);
    await run('delete', 'deploy', 'db', 'sidekick');
  });

  it('spreads pods over zones as a constraint says', async () => {
    const topologySpreadConstraints = [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'even' } },
      },
    ];
    await apply(workload('even', 6, { topologySpreadConstraints }));
    await rolledOut('even');
    const zones = (await nodesOf('even')).map((node) => (node < 'node-3' ? 'a' : 'b'));
    expect(zones.filter((zone) => zone === 'a')).toHaveLength(3);
    await run('delete', 'deploy', 'even');
  });
});

describe('preemption', () => {
  it('sends less important pods away, with an event and a condition, within their budget', async () => {
    await run('create', 'priorityclass', 'vital', '--value=1000', '--description=first');
    await apply(workload('filler', 4, {}, { cpu: '3' }));
    await apply(workload('guarded', 4, {}, { cpu: '1' }));
    await rolledOut('filler');
    await rolledOut('guarded');
    await run('create', 'pdb', 'guarded', '--selector=app=guarded', '--min-available=4');
    await eventually(
      'the budget has counted',
      async () => (await run('get', 'pdb', 'guarded', '-o', 'jsonpath={.status.currentHealthy}')) === '4',
    );
    await apply(workload('vital', 1, { priorityClassName: 'vital' }, { cpu: '3' }));
    await rolledOut('vital');
    const [vital] = await podsOf('vital');
    expect(vital?.spec.priority).toBe(1000);
    const { items } = JSON.parse(
      await run('get', 'events', '--field-selector=reason=Preempted', '-o', 'json'),
    ) as { items: Event[] };
    expect(items.map(({ message }) => message)).toEqual([
      `Preempted by pod ${vital?.metadata.uid} on node ${vital?.spec.nodeName}`,
    ]);
    expect(items[0]?.involvedObject.name).toMatch(/^filler-/);
    expect(await podsOf('guarded')).toHaveLength(4);
    const waiting = await eventually('its successor waits', async () =>
      (await podsOf('filler')).find(({ spec }) => spec.nodeName === undefined),
    );
    await eventually('it is told why', async () => {
      const found = (await podsOf('filler')).find(({ metadata }) => metadata.uid === waiting.metadata.uid);
      const message = found?.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? '';
      return message.includes('4 No preemption victims found for incoming pod.');
    });
    await run('delete', 'deploy', 'vital', 'filler', 'guarded');
    await run('delete', 'pdb', 'guarded');
  });
});

describe('a second profile', () => {
  it('places the pods that name it by its own rules, and its events say so', async () => {
    await apply(workload('packed', 6, { schedulerName: 'packing' }, { cpu: '100m' }));
    await rolledOut('packed');
    expect(new Set(await nodesOf('packed')).size).toBe(1);
    const events = await run('get', 'events', '--field-selector=reason=Scheduled', '-o', 'json');
    const { items } = JSON.parse(events) as { items: Event[] };
    const reporters = items.filter(({ involvedObject }) => involvedObject.name?.startsWith('packed-'));
    expect(
      new Set(reporters.map(({ source, reportingComponent }) => source?.component || reportingComponent)),
    ).toEqual(new Set(['packing']));
    await run('delete', 'deploy', 'packed');
  });
});

describe('explain-scheduling', () => {
  it('tells per node what each plugin said', async () => {
    await apply(workload('asked', 1, {}, { cpu: '1' }));
    await rolledOut('asked');
    const [pod] = await podsOf('asked');
    const told = await cluster.orreryOk('explain-scheduling', pod!.metadata.name);
    expect(told).toContain(`node ${pod!.spec.nodeName}`);
    expect(told).toContain('4 of 4 nodes were looked at.');
    expect(told).toMatch(/NODE +TOTAL +.*NodeResourcesFit/);
    await run('delete', 'deploy', 'asked');
    const unknown = await cluster.orrery('explain-scheduling', 'nobody');
    expect(unknown.code).not.toBe(0);
    expect(unknown.stderr).toContain('the scheduler keeps no decision about pod default/nobody');
  });
});

describe('scheduling gates', () => {
  it('hold a pod back until they are lifted', async () => {
    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'gated', labels: { app: 'gated' } },
      spec: {
        schedulingGates: [{ name: 'example.com/quota' }],
        containers: [{ name: 'main', image: 'web:1' }],
      },
    });
    expect(await run('get', 'pod', 'gated')).toMatch(/gated +0\/1 +SchedulingGated/);
    await run(
      'patch',
      'pod',
      'gated',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/schedulingGates"}]',
    );
    await run('wait', 'pod/gated', '--for=condition=Ready', '--timeout=30s');
    await run('delete', 'pod', 'gated');
  });
});

describe("a student's scheduler", () => {
  it('takes the place of the own one for the pods that name it', async () => {
    await apply(workload('homework', 8, { schedulerName: 'student' }));
    await eventually('the pods are there', async () => (await podsOf('homework')).length === 8);
    expect(new Set(await nodesOf('homework'))).toEqual(new Set(['']));
    const program = join(import.meta.dirname, '../support/student-scheduler.ts');
    const student = spawn(process.execPath, [program, cluster.kubeconfig, 'student'], { stdio: 'inherit' });
    try {
      await rolledOut('homework');
      const nodes = await nodesOf('homework');
      expect(
        ['node-1', 'node-2', 'node-3', 'node-4'].map((node) => nodes.filter((each) => each === node).length),
      ).toEqual([2, 2, 2, 2]);
    } finally {
      student.kill();
    }
    await run('delete', 'deploy', 'homework');
  });
});
