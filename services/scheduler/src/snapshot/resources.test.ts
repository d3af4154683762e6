import type { Container, PodSpec } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { makeContainer, makePod } from '../test-support/fake-cluster.ts';
import { allocatableOf, hasGrown, podRequests } from './resources.ts';

function asks(cpu: string, more: Partial<Container> = {}): Container {
  return { ...makeContainer('c', { cpu }), ...more };
}

const sidecar = { restartPolicy: 'Always' };

describe('podRequests', () => {
  const cases: { name: string; spec: Partial<PodSpec>; milliCpu: number }[] = [
    { name: 'sums up containers', spec: { containers: [asks('500m'), asks('0.25')] }, milliCpu: 750 },
    {
      name: 'takes the widest init container when it is wider than all containers',
      spec: { initContainers: [asks('2'), asks('3')], containers: [asks('1'), asks('1')] },
      milliCpu: 3_000,
    },
    {
      name: 'takes the containers when they are wider than any init container',
      spec: { initContainers: [asks('1'), asks('1')], containers: [asks('1'), asks('1')] },
      milliCpu: 2_000,
    },
    {
      name: 'adds sidecars to the containers',
      spec: { initContainers: [asks('1', sidecar)], containers: [asks('1')] },
      milliCpu: 2_000,
    },
    {
      name: 'adds sidecars to the init containers that start after them',
      spec: { initContainers: [asks('1', sidecar), asks('4')], containers: [asks('1')] },
      milliCpu: 5_000,
    },
    {
      name: 'does not add sidecars to the init containers before them',
      spec: { initContainers: [asks('4'), asks('1', sidecar)], containers: [asks('1')] },
      milliCpu: 4_000,
    },
    {
      name: 'adds the overhead on top of everything',
      spec: { initContainers: [asks('4')], containers: [asks('1')], overhead: { cpu: '250m' } },
      milliCpu: 4_250,
    },
    {
      name: 'lets requests of the pod take the place of those of its containers',
      spec: { containers: [asks('1'), asks('1')], resources: { requests: { cpu: '1500m' } } },
      milliCpu: 1_500,
    },
  ];
  it.each(cases)('$name', ({ spec, milliCpu }) => {
    expect(podRequests(makePod({ name: 'p', spec })).exact.milliCpu).toBe(milliCpu);
  });

  it('counts every kind of resource in its own unit', () => {
    const requests = {
      cpu: '100m',
      memory: '64Mi',
      'ephemeral-storage': '1G',
      'example.com/gpu': '2',
      'hugepages-2Mi': '4Mi',
    };
    expect(podRequests(makePod({ name: 'p', requests })).exact).toEqual({
      milliCpu: 100,
      memoryBytes: 64 * 2 ** 20,
      ephemeralStorageBytes: 1e9,
      extended: new Map([
        ['example.com/gpu', 2],
        ['hugepages-2Mi', 4 * 2 ** 20],
      ]),
    });
  });

  it('pretends for scores, and only there, that each container asks for a little', () => {
    const spec = {
      containers: [
        makeContainer('a'),
        makeContainer('b', { cpu: '1' }),
        makeContainer('c', { memory: '1Gi' }),
      ],
    };
    const { exact, scoring } = podRequests(makePod({ name: 'p', spec }));
    expect(exact).toMatchObject({ milliCpu: 1_000, memoryBytes: 2 ** 30 });
    expect(scoring).toEqual({ milliCpu: 1_200, memoryBytes: 2 ** 30 + 400 * 2 ** 20 });
  });
});

describe('hasGrown', () => {
  const base = { cpu: '4', memory: '8Gi', pods: '10', 'example.com/gpu': '1' };
  it.each([
    { after: { ...base }, grown: false },
    { after: { ...base, cpu: '3' }, grown: false },
    { after: { ...base, cpu: '5', memory: '1Gi' }, grown: true },
    { after: { ...base, memory: '9Gi' }, grown: true },
    { after: { ...base, pods: '11' }, grown: true },
    { after: { ...base, 'ephemeral-storage': '1Gi' }, grown: true },
    { after: { ...base, 'example.com/gpu': '2' }, grown: true },
    { after: { ...base, 'example.com/fpga': '1' }, grown: true },
  ])('is $grown for $after', ({ after, grown }) => {
    expect(hasGrown(allocatableOf(base), allocatableOf(after))).toBe(grown);
  });
});
