/** The document's manifests about controllers, applied with real kubectl: they reach Ready, roll, undo, scale and go. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment, Pod, ReplicaSet, ReplicationController } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;
let namespace = '';
let tests = 0;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 5 });
});
afterAll(() => cluster.remove());
beforeEach(async () => {
  tests += 1;
  namespace = `document-${tests}`;
  await cluster.kubectlOk(['create', 'namespace', namespace]);
});
afterEach(() => cluster.kubectlOk(['delete', 'namespace', namespace, '--wait=false']));

function manifest(name: string): string {
  return readFileSync(join(import.meta.dirname, '../manifests', name), 'utf8');
}

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOk(['-n', namespace, ...args]);
const apply = (name: string): Promise<string> =>
  cluster.kubectlOk(['-n', namespace, 'apply', '-f', '-'], { input: manifest(name) });

async function pods(): Promise<Pod[]> {
  return (await cluster.get<{ items: Pod[] }>('-n', namespace, 'pods')).items;
}

async function readyPods(count: number): Promise<Pod[]> {
  return eventually(`${count} ready pods and no other`, async () => {
    const all = await pods();
    const ready = all.filter(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
    return all.length === count && ready.length === count ? ready : undefined;
  });
}

describe('ReplicationController frontend', () => {
  it('keeps three replicas with tier=frontend, whatever happens to one', async () => {
    await apply('rc-frontend.yaml');
    const [victim] = await readyPods(3);
    await kubectl('delete', 'pod', victim!.metadata.name);
    const after = await readyPods(3);
    expect(after.map(({ metadata }) => metadata.uid)).not.toContain(victim!.metadata.uid);
    expect(after.every(({ metadata }) => metadata.labels?.['tier'] === 'frontend')).toBe(true);
  });

  it('grows and shrinks with its replica count', async () => {
    await apply('rc-frontend.yaml');
    await kubectl('scale', 'rc', 'frontend', '--replicas=5');
    await readyPods(5);
    await kubectl('scale', 'rc', 'frontend', '--replicas=2');
    await readyPods(2);
    const rc = await eventually('status follows', async () => {
      const each = await cluster.get<ReplicationController>('-n', namespace, 'rc', 'frontend');
      return each.status?.readyReplicas === 2 ? each : undefined;
    });
    expect(rc.status?.replicas).toBe(2);
  });
});

describe.each(['extensions', 'apps'])('ReplicaSet frontend in %s', (home) => {
  it('selects with matchLabels and matchExpressions, and reaches Ready', async () => {
    await apply(`rs-frontend-${home}.yaml`);
    await readyPods(1);
    const set = await cluster.get<ReplicaSet>('-n', namespace, 'rs', 'frontend');
    expect(set.apiVersion).toBe('apps/v1');
    expect(set.spec.selector.matchExpressions).toEqual([
      { key: 'tier', operator: 'In', values: ['frontend'] },
    ]);
  });
});

describe.each(['extensions', 'apps'])('Deployment frontend in %s', (home) => {
  it('creates, updates, rolls back, scales and is deleted with all it made', async () => {
    const warned = await cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], {
      input: manifest(`deployment-frontend-${home}.yaml`),
    });
    expect(warned.code, warned.stderr).toBe(0);
    if (home === 'extensions') expect(warned.stderr).toContain('extensions/v1beta1 Deployment is deprecated');
    await kubectl('rollout', 'status', 'deployment/frontend', '--timeout=60s');
    await readyPods(1);

    await kubectl('scale', 'deployment/frontend', '--replicas=3');
    await kubectl('rollout', 'status', 'deployment/frontend', '--timeout=60s');
    await kubectl('set', 'image', 'deployment/frontend', 'tomcat-demo=tomcat:9');
    await kubectl('rollout', 'status', 'deployment/frontend', '--timeout=60s');
    const updated = await readyPods(3);
    expect(new Set(updated.map(({ spec }) => spec.containers[0]!.image))).toEqual(new Set(['tomcat:9']));

    await kubectl('rollout', 'undo', 'deployment/frontend');
    await kubectl('rollout', 'status', 'deployment/frontend', '--timeout=60s');
    const undone = await readyPods(3);
    expect(new Set(undone.map(({ spec }) => spec.containers[0]!.image))).toEqual(new Set(['tomcat']));
    const deployment = await cluster.get<Deployment>('-n', namespace, 'deployment', 'frontend');
    expect(deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');

    await kubectl('delete', 'deployment', 'frontend');
    await eventually('nothing is left', async () => {
      const sets = await cluster.get<{ items: ReplicaSet[] }>('-n', namespace, 'rs');
      return sets.items.length === 0 && (await pods()).length === 0;
    });
  });
});

describe('HorizontalPodAutoscaler php-apache', () => {
  it('is served as autoscaling/v1 and v2 alike', async () => {
    await cluster.kubectlOk(['apply', '-f', '-'], { input: manifest('hpa-php-apache.yaml') });
    const v1 = await cluster.kubectlOk([
      'get',
      'horizontalpodautoscalers.v1.autoscaling',
      'php-apache',
      '-o',
      'jsonpath={.spec.targetCPUUtilizationPercentage}',
    ]);
    const v2 = await cluster.kubectlOk([
      'get',
      'hpa',
      'php-apache',
      '-o',
      'jsonpath={.spec.metrics[0].resource.target.averageUtilization}',
    ]);
    expect([v1, v2]).toEqual(['90', '90']);
    await cluster.kubectlOk(['delete', 'hpa', 'php-apache']);
  });
});
