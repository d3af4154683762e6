/** DaemonSets on a whole cluster, with real kubectl: nodes that join are somebody else's test. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

const NODES = 4;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: NODES });
});
afterAll(() => cluster.remove());

/** Waits until the app has just these pods (as `podsOf` shows them). */
const settlesTo = (app: string, isRight: (pods: string[]) => boolean): Promise<boolean> =>
  eventually(`the pods of ${app}`, async () => isRight(await podsOf(app)));

const run = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (object: object): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(object) });

function daemonSet(name: string, image: string, parts: { spec?: object; podSpec?: object } = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image }], ...parts.podSpec },
      },
      ...parts.spec,
    },
  };
}

/** `node image` of each pod of the app, in order. */
async function podsOf(app: string): Promise<string[]> {
  const path = '{range .items[*]}{.spec.nodeName} {.spec.containers[0].image}{"\\n"}{end}';
  const text = await run('get', 'pods', '-l', `app=${app}`, '-o', `jsonpath=${path}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

const nodeNames = async (): Promise<string[]> =>
  (await run('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ').sort();

describe('a DaemonSet', () => {
  it('runs one pod on every node, and shows it as kubectl users know it', async () => {
    await apply(daemonSet('agent', 'agent:1'));
    const rollout = await run('rollout', 'status', 'ds/agent', '--timeout=30s');
    expect(rollout).toContain('daemon set "agent" successfully rolled out');
    expect(await podsOf('agent')).toEqual((await nodeNames()).map((name) => `${name} agent:1`));
    const [header, row] = (await run('get', 'ds', 'agent')).split('\n');
    expect(header).toMatch(/^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE/);
    expect(row).toMatch(/^agent +4 +4 +4 +4 +4 +<none> +/);
    expect(await run('describe', 'ds', 'agent')).toMatch(
      /Desired Number of Nodes Scheduled: 4[\s\S]*SuccessfulCreate/,
    );
  });

  it('runs on cordoned nodes, too', async () => {
    const [first] = await nodeNames();
    await run('cordon', first!);
    await apply(daemonSet('on-cordoned', 'agent:1'));
    await run('rollout', 'status', 'ds/on-cordoned', '--timeout=30s');
    expect(await podsOf('on-cordoned')).toHaveLength(NODES);
    await run('uncordon', first!);
    await run('delete', 'ds', 'on-cordoned');
  });

  it('follows labels and taints of nodes', async () => {
    const [first, second, third] = await nodeNames();
    await run('label', 'node', first!, second!, 'disk=ssd');
    await run('taint', 'node', second!, 'reserved=yes:NoSchedule');
    await apply(daemonSet('on-ssd', 'agent:1', { podSpec: { nodeSelector: { disk: 'ssd' } } }));
    await run('rollout', 'status', 'ds/on-ssd', '--timeout=30s');
    expect(await podsOf('on-ssd')).toEqual([`${first} agent:1`]);
    await run('taint', 'node', second!, 'reserved-');
    await run('label', 'node', third!, 'disk=ssd');
    await settlesTo('on-ssd', (pods) => pods.length === 3);
    await run('label', 'node', first!, second!, 'disk-');
    await settlesTo('on-ssd', (pods) => pods.join() === `${third} agent:1`);
    await run('taint', 'node', third!, 'broken=yes:NoExecute');
    await settlesTo('on-ssd', (pods) => pods.length === 0);
    await run('taint', 'node', third!, 'broken-');
    await settlesTo('on-ssd', (pods) => pods.join() === `${third} agent:1`);
  });

  it('rolls to a new template, keeps its history, and rolls back', async () => {
    await run('set', 'image', 'ds/agent', 'main=agent:2');
    await run('rollout', 'status', 'ds/agent', '--timeout=60s');
    expect(await podsOf('agent')).toEqual((await nodeNames()).map((name) => `${name} agent:2`));
    expect(await run('rollout', 'history', 'ds/agent')).toMatch(
      /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/,
    );
    expect(await run('rollout', 'undo', 'ds/agent')).toContain('rolled back');
    await run('rollout', 'status', 'ds/agent', '--timeout=60s');
    expect(await podsOf('agent')).toEqual((await nodeNames()).map((name) => `${name} agent:1`));
    expect(await run('rollout', 'history', 'ds/agent')).toMatch(
      /REVISION +CHANGE-CAUSE\n2 +<none>\n3 +<none>/,
    );
  });

  it('with surge starts the new pod of a node before it stops the old one', async () => {
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } };
    await apply(daemonSet('surging', 'agent:1', { spec: { updateStrategy } }));
    await run('rollout', 'status', 'ds/surging', '--timeout=30s');
    await run('set', 'image', 'ds/surging', 'main=agent:2');
    await run('rollout', 'status', 'ds/surging', '--timeout=60s');
    const wanted = (await nodeNames()).map((name) => `${name} agent:2`);
    await settlesTo('surging', (pods) => pods.join() === wanted.join());
  });

  it('with OnDelete leaves old pods until somebody deletes them', async () => {
    await apply(daemonSet('by-hand', 'agent:1', { spec: { updateStrategy: { type: 'OnDelete' } } }));
    await settlesTo('by-hand', (pods) => pods.length === NODES);
    await run('set', 'image', 'ds/by-hand', 'main=agent:2');
    const [first] = await nodeNames();
    const pod = await run(
      'get',
      'pods',
      '-l',
      'app=by-hand',
      '--field-selector',
      `spec.nodeName=${first}`,
      '-o',
      'name',
    );
    await run('delete', pod.trim());
    const isNew = (each: string): boolean => each.endsWith('agent:2');
    await settlesTo('by-hand', (pods) => pods.length === NODES && pods.some(isNew));
    expect((await podsOf('by-hand')).filter(isNew)).toEqual([`${first} agent:2`]);
  });

  it('replaces pods that are deleted or fail', async () => {
    await run('delete', 'pods', '-l', 'app=agent', '--wait=false');
    await settlesTo('agent', (pods) => pods.length === NODES);
    await run('rollout', 'status', 'ds/agent', '--timeout=30s');
  });

  it('takes its pods and revisions with it, or leaves them as orphans', async () => {
    await run('delete', 'ds', 'agent', '--cascade=orphan');
    expect(await podsOf('agent')).toHaveLength(NODES);
    await apply(daemonSet('agent', 'agent:1'));
    await run('rollout', 'status', 'ds/agent', '--timeout=30s');
    expect(await podsOf('agent')).toHaveLength(NODES);
    await run('delete', 'ds', 'agent');
    await settlesTo('agent', (pods) => pods.length === 0);
    await eventually(
      'the revisions are gone',
      async () => (await run('get', 'controllerrevisions', '-l', 'app=agent', '-o', 'name')) === '',
    );
  });
});
