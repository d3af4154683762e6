import type { Pod } from '@orrery/api/gen/types.ts';
import { UsageBatch } from '@orrery/proto/orrery/events.ts';
import { describe, expect, test } from 'vitest';
import type { ContainerUsage } from '../process/usage.ts';
import type { Container, ContainerState, PodSandbox } from '../runtime/runtime.ts';
import { boundPod } from '../test-support/objects.ts';
import { type ThrottlingListener, usageProblems, UsageSampler } from './usage.ts';

const MEBIBYTE = 1024 * 1024;

function pod(annotations?: Record<string, string>): Pod {
  const metadata = {
    uid: 'uid-1',
    resourceVersion: '1',
    ...(annotations === undefined ? {} : { annotations }),
  };
  return boundPod('web', {}, metadata) as Pod;
}

/** A runtime in which a and b run, and c has ended. */
function runtimeWith(stats: Partial<ContainerUsage> = {}) {
  const used: ContainerUsage = {
    cpuMilli: 1,
    cpuTotalMs: 0,
    memoryBytes: 16 * MEBIBYTE,
    throttledMs: 0,
    periods: 0,
    throttledPeriods: 0,
    ...stats,
  };
  const container = (name: string, state: ContainerState): Container =>
    ({ id: name, name, state }) as Container;
  const containers = [
    container('a', 'CONTAINER_RUNNING'),
    container('b', 'CONTAINER_RUNNING'),
    container('c', 'CONTAINER_EXITED'),
  ];
  const source = {
    listPodSandbox: () => [{ id: 'sandbox' } as PodSandbox],
    listContainers: () => containers,
    containerStats: () => used,
  };
  return { source, used };
}

function sampler(stats: Partial<ContainerUsage> = {}, onThrottling: ThrottlingListener = () => undefined) {
  const { source, used } = runtimeWith(stats);
  return { sampler: new UsageSampler(source, onThrottling), used };
}

describe('what containers use', () => {
  const idle = [1, 16 * MEBIBYTE];
  test.each<[string, Record<string, string> | undefined, number[][]]>([
    ['nothing is said', undefined, [idle, idle]],
    [
      'all are told',
      { 'orrery.dev/cpu-usage': '250m', 'orrery.dev/memory-usage': '1Mi' },
      [
        [250, MEBIBYTE],
        [250, MEBIBYTE],
      ],
    ],
    [
      'one is told',
      { 'orrery.dev/cpu-usage': '1', 'orrery.dev/cpu-usage.b': '0.5' },
      [
        [1_000, 16 * MEBIBYTE],
        [500, 16 * MEBIBYTE],
      ],
    ],
    [
      'zero is said',
      { 'orrery.dev/cpu-usage': '0' },
      [
        [0, 16 * MEBIBYTE],
        [0, 16 * MEBIBYTE],
      ],
    ],
    ['nonsense is said', { 'orrery.dev/cpu-usage': 'much' }, [idle, idle]],
    [
      'nonsense is said of one',
      { 'orrery.dev/cpu-usage': '2', 'orrery.dev/cpu-usage.a': 'x' },
      [
        [2_000, 16 * MEBIBYTE],
        [2_000, 16 * MEBIBYTE],
      ],
    ],
    ['less than nothing is said', { 'orrery.dev/cpu-usage': '-1' }, [idle, idle]],
    [
      'more than a sample holds is said',
      { 'orrery.dev/cpu-usage': '1G', 'orrery.dev/memory-usage': '15E' },
      [idle, idle],
    ],
  ])('when %s', (_, annotations, expected) => {
    const usage = sampler().sampler.samplePod(pod(annotations), 0);
    expect(usage.map(({ container }) => container)).toEqual(['a', 'b']);
    expect(usage.map(({ cpuMilli, memoryBytes }) => [cpuMilli, memoryBytes])).toEqual(expected);
  });

  test('is the average since the sample before, and of the first what is used now', () => {
    const { sampler: samples, used } = sampler({ cpuMilli: 200, cpuTotalMs: 5_000 });
    const cpu = (atMs: number): number | undefined => samples.samplePod(pod(), atMs)[0]?.cpuMilli;
    expect(cpu(15_000)).toBe(200);
    used.cpuTotalMs += 1_500;
    expect(cpu(30_000)).toBe(100);
    expect(cpu(45_000)).toBe(0);
    used.cpuTotalMs = 0;
    expect(cpu(60_000)).toBe(0);
  });

  test('travels as a sample of the node, whatever the clock shows and the annotations say', () => {
    const pods = [pod({ 'orrery.dev/cpu-usage': '4000000', 'orrery.dev/memory-usage': '8Pi' })];
    const { sampler: samples } = sampler({ memoryBytes: 16 * MEBIBYTE + 0.5 });
    const batch = samples.sampleNode('node-1', pods, 1_767_225_600_000.5, 15_000);
    expect(UsageBatch.decode(UsageBatch.encode(batch).finish())).toEqual({
      node: 'node-1',
      timeMs: 1_767_225_600_000,
      windowMs: 15_000,
      containers: ['a', 'b'].map((container) => ({
        namespace: 'default',
        pod: 'web',
        podUid: 'uid-1',
        container,
        cpuMilli: 4_000_000_000,
        memoryBytes: 16 * MEBIBYTE + 1,
      })),
    });
  });

  test('is told when a limit held it back, each period once', () => {
    const told: [string, number][] = [];
    const { sampler: samples, used } = sampler({ throttledPeriods: 3 }, (_, name, periods) =>
      told.push([name, periods]),
    );
    samples.samplePod(pod(), 0);
    samples.samplePod(pod(), 15_000);
    used.throttledPeriods = 5;
    samples.samplePod(pod(), 30_000);
    expect(told).toEqual([
      ['a', 3],
      ['b', 3],
      ['a', 2],
      ['b', 2],
    ]);
  });
});

test('usage annotations that cannot be used are named, with the way out', () => {
  expect(
    usageProblems(pod({ 'orrery.dev/cpu-usage.a': 'much', 'orrery.dev/memory-usage': '64Mi', other: 'x' })),
  ).toEqual([
    'Annotation orrery.dev/cpu-usage.a: "much" is not an amount that a container can use; write a quantity such as 250m',
  ]);
  expect(usageProblems(pod())).toEqual([]);
});
