import { describe, expect, it } from 'vitest';
import type { Pod } from '@orrery/api/gen/types.ts';
import { boundPod, container } from '../test-support/objects.ts';
import { isCritical, type PodUsage, rankByUse, shortageMessage } from './ranking.ts';

const MI = 1024 * 1024;

interface Given {
  name: string;
  usedMi: number;
  requestMi?: number;
  priority?: number;
}

function using({ name, usedMi, requestMi, priority }: Given): PodUsage {
  const resources = requestMi === undefined ? {} : { requests: { memory: `${requestMi}Mi` } };
  const spec = {
    containers: [container('c', { resources })],
    ...(priority === undefined ? {} : { priority }),
  };
  return { pod: boundPod(name, spec) as Pod, usedBytes: new Map([['c', usedMi * MI]]) };
}

describe('when memory is short the first to go', () => {
  it.each<[string, Given[], string]>([
    [
      'is above its request, even if others use more',
      [
        { name: 'guaranteed', usedMi: 4_000, requestMi: 4_000 },
        { name: 'burstable', usedMi: 200, requestMi: 100 },
        { name: 'best-effort', usedMi: 50 },
      ],
      'burstable best-effort guaranteed',
    ],
    [
      'is of lower priority, even if others are further above their request',
      [
        { name: 'important', usedMi: 900, priority: 100 },
        { name: 'plain', usedMi: 100 },
        { name: 'humble', usedMi: 50, priority: -10 },
      ],
      'humble plain important',
    ],
    [
      'is furthest above its request, not the one that uses most',
      [
        { name: 'large', usedMi: 1_000, requestMi: 950 },
        { name: 'small', usedMi: 300 },
      ],
      'small large',
    ],
    [
      'within their requests: is of lower priority, then nearest to its request',
      [
        { name: 'far', usedMi: 10, requestMi: 500 },
        { name: 'near', usedMi: 490, requestMi: 500 },
        { name: 'low', usedMi: 10, requestMi: 500, priority: -1 },
      ],
      'low near far',
    ],
  ])('%s', (_what, given, expected) => {
    const ranked = rankByUse(given.map(using), 'memory').map(({ pod }) => pod.metadata.name);
    expect(ranked.join(' ')).toBe(expected);
  });
});

describe('the message of an eviction', () => {
  it('names what was available and the containers above their requests', () => {
    const pod = boundPod('web', {
      containers: [
        container('hog', {}),
        container('modest', { resources: { requests: { memory: '64Mi' } } }),
        container('over', { resources: { requests: { memory: '64Mi' } } }),
      ],
    }) as Pod;
    const usedBytes = new Map([
      ['hog', 500 * MI],
      ['modest', 64 * MI],
      ['over', 65 * MI],
    ]);
    expect(shortageMessage({ pod, usedBytes }, 'memory', 100 * MI, 12 * MI)).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 12Mi. ' +
        'Container hog was using 500Mi, request is 0, has larger consumption of memory. ' +
        'Container over was using 65Mi, request is 64Mi, has larger consumption of memory. ',
    );
  });

  it('is of the disk when that is short', () => {
    const resources = { requests: { 'ephemeral-storage': '1Gi' } };
    const pod = boundPod('web', { containers: [container('a'), container('b', { resources })] }) as Pod;
    const usedBytes = new Map([
      ['a', MI],
      ['b', 2 * MI],
    ]);
    expect(shortageMessage({ pod, usedBytes }, 'ephemeral-storage', 100 * MI, -1)).toBe(
      'The node was low on resource: ephemeral-storage. Threshold quantity: 100Mi, available: 0. ' +
        'Container a was using 1Mi, request is 0, has larger consumption of ephemeral-storage. ',
    );
  });
});

it('volumes count when the disk is short, for the pod as a whole', () => {
  const pod = (name: string): Pod => boundPod(name) as Pod;
  const usages: PodUsage[] = [
    { pod: pod('writes'), usedBytes: new Map([['web', 2 * MI]]) },
    { pod: pod('fills'), usedBytes: new Map([['web', 0]]), volumeBytes: 3 * MI },
  ];
  const ranked = rankByUse(usages, 'ephemeral-storage').map(({ pod: { metadata } }) => metadata.name);
  expect(ranked).toEqual(['fills', 'writes']);
});

it.each([
  [undefined, false],
  [1_000_000_000, false],
  [2_000_000_000, true],
  [2_000_001_000, true],
])('a pod of priority %s is critical: %s', (priority, expected) => {
  const pod = boundPod('p', priority === undefined ? {} : { priority }) as Pod;
  expect(isCritical(pod)).toBe(expected);
});
