import { describe, expect, it } from 'vitest';
import type { ContainerPort, Node, Pod, PodSpec } from '@orrery/api/gen/types.ts';
import { boundPod, container } from '../test-support/objects.ts';
import { admission } from './admission.ts';

const NODE = {
  metadata: { name: 'node-1', labels: { zone: 'a' } },
  spec: {},
  status: {
    allocatable: { cpu: '4', memory: '8Gi', 'ephemeral-storage': '10Gi', pods: '3', 'example.com/gpu': '1' },
  },
} as unknown as Node;

function asking(requests: Record<string, string>, spec: Partial<PodSpec> = {}): Pod {
  return boundPod('p', { containers: [container('c', { resources: { requests } })], ...spec }) as Pod;
}

function withPort(port: Partial<ContainerPort>): Pod {
  return boundPod('p', { containers: [container('c', { ports: [{ containerPort: 80, ...port }] })] }) as Pod;
}

function lacking(resource: string, requested: number, used: number, capacity: number) {
  return {
    reason: `OutOf${resource}`,
    message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}

const Gi = 2 ** 30;

describe('a node takes a pod', () => {
  it.each<[string, Pod, Pod[]]>([
    ['that asks for nothing, however much others ask for', asking({}), [asking({ cpu: '4' })]],
    ['that fits exactly', asking({ cpu: '3', memory: '8Gi' }), [asking({ cpu: '1' })]],
    ['that asks for a resource which the node has never heard of', asking({ 'example.com/fpga': '1' }), []],
    [
      'whose port is taken on another protocol',
      withPort({ hostPort: 80 }),
      [withPort({ hostPort: 80, protocol: 'UDP' })],
    ],
    [
      'whose port is taken on another address',
      withPort({ hostPort: 80, hostIP: '10.0.0.1' }),
      [withPort({ hostPort: 80, hostIP: '10.0.0.2' })],
    ],
    ['that takes no port of the node', withPort({}), [withPort({ hostPort: 80 })]],
  ])('%s', (_what, pod, others) => {
    expect(admission(pod, others, NODE)).toBeUndefined();
  });
});

describe('a node does not take a pod', () => {
  it.each<[string, Pod, Pod[], ReturnType<typeof lacking>]>([
    ['too many', asking({}), [asking({}), asking({}), asking({})], lacking('pods', 1, 3, 3)],
    ['with too much cpu', asking({ cpu: '4001m' }), [], lacking('cpu', 4001, 0, 4000)],
    [
      'with more cpu than is left',
      asking({ cpu: '1' }),
      [asking({ cpu: '3500m' })],
      lacking('cpu', 1000, 3500, 4000),
    ],
    [
      'with too much memory',
      asking({ memory: '6Gi' }),
      [asking({ memory: '3Gi' })],
      lacking('memory', 6 * Gi, 3 * Gi, 8 * Gi),
    ],
    [
      'with too much storage',
      asking({ 'ephemeral-storage': '11Gi' }),
      [],
      lacking('ephemeral-storage', 11 * Gi, 0, 10 * Gi),
    ],
    [
      'with a device that is taken',
      asking({ 'example.com/gpu': '1' }),
      [asking({ 'example.com/gpu': '1' })],
      lacking('example.com/gpu', 1, 1, 1),
    ],
  ])('%s', (_what, pod, others, rejection) => {
    expect(admission(pod, others, NODE)).toEqual(rejection);
  });

  it('that is for other nodes', () => {
    expect(admission(asking({}, { nodeSelector: { zone: 'b' } }), [], NODE)).toEqual({
      reason: 'NodeAffinity',
      message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    });
  });

  it.each([undefined, '0.0.0.0', '10.0.0.1'])('whose port is taken on %s', (hostIP) => {
    const other = withPort({ hostPort: 80, ...(hostIP === undefined ? {} : { hostIP }) });
    expect(admission(withPort({ hostPort: 80, hostIP: '10.0.0.1' }), [other], NODE)).toEqual({
      reason: 'NodePorts',
      message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    });
  });

  it('that does not tolerate a taint which would drive it away', () => {
    const taint = (effect: string) => ({ ...NODE, spec: { taints: [{ key: 'k', effect }] } });
    expect(admission(asking({}), [], taint('NoSchedule'))).toBeUndefined();
    expect(admission(asking({}), [], taint('NoExecute'))).toEqual({
      reason: 'TaintToleration',
      message: "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    });
    expect(
      admission(asking({}, { tolerations: [{ operator: 'Exists' }] }), [], taint('NoExecute')),
    ).toBeUndefined();
  });

  it('for the first of several reasons', () => {
    const pod = asking({ cpu: '5' }, { nodeSelector: { zone: 'b' } });
    expect(admission(pod, [], NODE)?.reason).toBe('OutOfcpu');
  });
});
