import { describe, expect, test } from 'vitest';
import { pod, ready, service } from '../test-support/objects.ts';
import { endpointsAnnotations, endpointsLabels, MAX_ADDRESSES, OVER_CAPACITY, subsetsOf } from './plan.ts';

function pods(count: number, isReady: (index: number) => boolean = () => true): ReturnType<typeof pod>[] {
  return Array.from({ length: count }, (_, index) => {
    const podIP = `10.${Math.floor(index / 62_500)}.${Math.floor(index / 250)}.${index % 250}`;
    return pod(`pod-${index}`, { status: { ...ready(isReady(index) ? 'True' : 'False'), podIP } });
  });
}

describe('subsets', () => {
  test('are the same whatever the order of pods', () => {
    const list = pods(5);
    expect(subsetsOf(service(), list)).toEqual(subsetsOf(service(), [...list].reverse()));
  });

  test('hold at most 1000 addresses, ready ones first', () => {
    const { subsets, truncated } = subsetsOf(
      service(),
      pods(1500, (index) => index < 900),
    );
    expect(truncated).toBe(true);
    expect(subsets[0]?.addresses).toHaveLength(900);
    expect(subsets[0]?.notReadyAddresses).toHaveLength(MAX_ADDRESSES - 900);
  });

  test('leave out pods without the named port, and all pods without ports unless the service is headless', () => {
    expect(subsetsOf(service({ ports: [{ port: 80, targetPort: 'nope' }] }), pods(2)).subsets).toEqual([]);
    expect(subsetsOf(service({ ports: [] }), pods(2)).subsets).toEqual([]);
    expect(subsetsOf(service({ ports: [], clusterIP: 'None' }), pods(2)).subsets[0]?.addresses).toHaveLength(
      2,
    );
  });

  test('leave out terminating pods, unless the service wants all', () => {
    const leaving = pod('a', {
      metadata: { deletionTimestamp: 'x' },
      status: { ...ready('True'), podIP: '10.0.0.1' },
    });
    expect(subsetsOf(service(), [leaving]).subsets).toEqual([]);
    expect(subsetsOf(service({ publishNotReadyAddresses: true }), [leaving]).subsets).toHaveLength(1);
  });
});

test('the annotation about capacity comes and goes', () => {
  const annotated = endpointsAnnotations({ mine: 'stays' }, true, undefined);
  expect(annotated).toEqual({ mine: 'stays', [OVER_CAPACITY]: 'truncated' });
  expect(endpointsAnnotations(annotated, false, undefined)).toEqual({ mine: 'stays' });
});

test('a headless service marks its Endpoints', () => {
  expect(endpointsLabels(service({ clusterIP: 'None' }))).toHaveProperty(['service.kubernetes.io/headless']);
});
