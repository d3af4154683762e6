import { describe, expect, it } from 'vitest';
import { makeNode } from '../test-support/fake-cluster.ts';
import { scores, snapshotOf } from '../test-support/verdicts.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { imageLocality } from './image-locality.ts';
import { nodeAffinityScore } from './node-affinity.ts';

describe('NodeResourcesBalancedAllocation', () => {
  it('prefers nodes where cpu and memory come out even', () => {
    const cache = snapshotOf([
      { name: 'even', allocatable: { cpu: '4', memory: '4Gi' } },
      { name: 'odd', allocatable: { cpu: '2', memory: '16Gi' } },
    ]);
    const { even, odd } = scores(
      balancedAllocation,
      { name: 'p', requests: { cpu: '1', memory: '1Gi' } },
      cache,
    )!;
    expect(even).toBe(100);
    expect(odd).toBe(78);
  });

  it('has no opinion about a pod that asks for nothing', () => {
    expect(scores(balancedAllocation, { name: 'p' }, snapshotOf([{ name: 'n' }]))).toBeUndefined();
  });
});

describe('ImageLocality', () => {
  const MIB = 1024 * 1024;

  it('prefers nodes that have a large image, less so when few have it', () => {
    const cache = snapshotOf([{ name: 'has' }, { name: 'has-not' }]);
    const node = makeNode({ name: 'has' });
    cache.setNode({
      ...node,
      status: { ...node.status, images: [{ names: ['nginx:latest'], sizeBytes: 800 * MIB }] },
    });
    const pod = { name: 'p', spec: { containers: [{ name: 'c', image: 'nginx' }] } };
    expect(scores(imageLocality, pod, cache)).toEqual({ has: 38, 'has-not': 0 });
    cache.removeNode('has');
    expect(scores(imageLocality, pod, cache)).toBeUndefined();
  });
});

describe('NodeAffinity', () => {
  it('adds up the weights of the preferred terms that a node meets', () => {
    const cache = snapshotOf([
      { name: 'both', labels: { disk: 'ssd', zone: 'a' } },
      { name: 'one', labels: { disk: 'ssd' } },
      { name: 'none' },
    ]);
    const term = (key: string, value: string, weight: number) => ({
      weight,
      preference: { matchExpressions: [{ key, operator: 'In', values: [value] }] },
    });
    const affinity = {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [term('disk', 'ssd', 30), term('zone', 'a', 70)],
      },
    };
    expect(scores(nodeAffinityScore, { name: 'p', spec: { affinity } }, cache)).toEqual({
      both: 100,
      one: 30,
      none: 0,
    });
  });
});
