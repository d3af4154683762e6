import type { Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import { UsageBatch } from '@orrery/proto/orrery/events.ts';
import { describe, expect, test } from 'vitest';
import { FakeInformer } from '../test-support/fake-informer.ts';
import { boundPod, recordersInto, type RecordedEvent } from '../test-support/objects.ts';
import { nodeUsage, podUsage, usageProblems, warnOfUsageProblems } from './usage.ts';

const STARTED = { running: { startedAt: '2026-01-01T00:00:00Z' } };

function runningPod(annotations?: Record<string, string>): Pod {
  const status = (name: string, state: object) => ({
    name,
    state,
    ready: true,
    restartCount: 0,
    image: '',
    imageID: '',
  });
  const metadata = {
    uid: 'uid-1',
    resourceVersion: '1',
    ...(annotations === undefined ? {} : { annotations }),
  };
  const pod = boundPod('web', {}, metadata) as Pod;
  const containerStatuses = [
    status('a', STARTED),
    status('b', STARTED),
    status('c', { waiting: { reason: 'X' } }),
  ];
  return { ...pod, status: { phase: 'Running', containerStatuses } };
}

const IDLE_BYTES = 16 * 1024 * 1024;

describe('what containers use', () => {
  test.each<[string, Record<string, string> | undefined, number[][]]>([
    [
      'nothing is said',
      undefined,
      [
        [1, IDLE_BYTES],
        [1, IDLE_BYTES],
      ],
    ],
    [
      'all are told',
      { 'orrery.dev/cpu-usage': '250m', 'orrery.dev/memory-usage': '1Mi' },
      [
        [250, 1_048_576],
        [250, 1_048_576],
      ],
    ],
    [
      'one is told',
      { 'orrery.dev/cpu-usage': '1', 'orrery.dev/cpu-usage.b': '0.5' },
      [
        [1_000, IDLE_BYTES],
        [500, IDLE_BYTES],
      ],
    ],
    [
      'zero is said',
      { 'orrery.dev/cpu-usage': '0' },
      [
        [0, IDLE_BYTES],
        [0, IDLE_BYTES],
      ],
    ],
    [
      'nonsense is said',
      { 'orrery.dev/cpu-usage': 'much' },
      [
        [1, IDLE_BYTES],
        [1, IDLE_BYTES],
      ],
    ],
    [
      'nonsense is said of one',
      { 'orrery.dev/cpu-usage': '2', 'orrery.dev/cpu-usage.a': 'x' },
      [
        [2_000, IDLE_BYTES],
        [2_000, IDLE_BYTES],
      ],
    ],
    [
      'less than nothing is said',
      { 'orrery.dev/cpu-usage': '-1' },
      [
        [1, IDLE_BYTES],
        [1, IDLE_BYTES],
      ],
    ],
    [
      'more than a sample holds is said',
      { 'orrery.dev/cpu-usage': '1G', 'orrery.dev/memory-usage': '15E' },
      [
        [1, IDLE_BYTES],
        [1, IDLE_BYTES],
      ],
    ],
  ])('when %s', (_, annotations, expected) => {
    const usage = podUsage(runningPod(annotations));
    expect(usage.map(({ container }) => container)).toEqual(['a', 'b']);
    expect(usage.map(({ cpuMilli, memoryBytes }) => [cpuMilli, memoryBytes])).toEqual(expected);
  });

  test('travels as a sample of the node, whatever the clock shows and the annotations say', () => {
    const pods = [runningPod({ 'orrery.dev/cpu-usage': '4000000', 'orrery.dev/memory-usage': '8Pi' })];
    const batch = nodeUsage('node-1', pods, 1_767_225_600_000.5, 15_000);
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
        memoryBytes: IDLE_BYTES,
      })),
    });
  });
});

describe('usage annotations that cannot be used', () => {
  test('are named, with the way out', () => {
    expect(
      usageProblems(
        runningPod({ 'orrery.dev/cpu-usage.a': 'much', 'orrery.dev/memory-usage': '64Mi', other: 'x' }),
      ),
    ).toEqual([
      'Annotation orrery.dev/cpu-usage.a: "much" is not an amount that a container can use; write a quantity such as 1m',
    ]);
    expect(usageProblems(runningPod())).toEqual([]);
  });

  test('are warned of once, and again when they change', () => {
    const recorded: RecordedEvent[] = [];
    const pods = new FakeInformer<Pod>(Pods);
    const put = (annotations: Record<string, string> | undefined, node = 'node-1'): void => {
      const pod = runningPod(annotations);
      pods.offer({ type: 'put', object: { ...pod, spec: { ...pod.spec, nodeName: node } } });
    };
    const wrong = { 'orrery.dev/cpu-usage': 'much' };
    put(wrong, 'node-9');
    warnOfUsageProblems(pods, (node) => node === 'node-1', recordersInto(recorded));
    expect(recorded).toEqual([]);
    put(wrong);
    put(wrong);
    put({ ...wrong, 'orrery.dev/memory-usage': '1Gi' });
    expect(recorded).toMatchObject([{ node: 'node-1', pod: 'web', type: 'Warning', reason: 'InvalidUsage' }]);
    put({ 'orrery.dev/cpu-usage': 'more' });
    put(undefined);
    put({ 'orrery.dev/cpu-usage': '1' });
    expect(recorded).toHaveLength(2);
  });
});
