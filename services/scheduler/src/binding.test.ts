import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { bindPod, locate } from './binding.ts';
import { FakeCluster, makePod } from './test-support/fake-cluster.ts';
import { podInfo } from './snapshot/pod-info.ts';

const info = podInfo(makePod({ name: 'a' }));

describe('locate', () => {
  let cluster: FakeCluster;

  beforeEach(() => {
    cluster = new FakeCluster();
  });

  it.each([
    { what: 'a pod without a node', pod: makePod({ name: 'a' }), expected: 'unbound' },
    {
      what: 'a pod with a node',
      pod: makePod({ name: 'a', spec: { nodeName: 'n1' } }),
      expected: { nodeName: 'n1' },
    },
    {
      what: 'another pod of that name',
      pod: makePod({ name: 'a', uid: 'x', spec: { nodeName: 'n1' } }),
      expected: 'gone',
    },
    { what: 'no pod', pod: makePod({ name: 'b' }), expected: 'gone' },
  ])('finds $what', async ({ pod, expected }) => {
    cluster.setPod(pod);
    expect(await locate(cluster.client, info)).toEqual(expected);
  });

  it('says so when there is no telling', async () => {
    cluster.readsFail = true;
    await expect(locate(cluster.client, info)).rejects.toThrow(
      serviceUnavailable('the connection broke').message,
    );
  });
});

describe('bindPod', () => {
  it('gives up an unknown outcome when it is stopped', async () => {
    const cluster = new FakeCluster();
    const clock = new ManualClock();
    const stop = new AbortController();
    cluster.setPod(makePod({ name: 'a' }));
    cluster.fate = () => 'lost';
    const options = {
      client: cluster.client,
      retryClock: clock,
      nodeExists: () => true,
      signal: stop.signal,
    };
    const outcome = bindPod(options, info, 'n1');
    await clock.advance(60_000);
    stop.abort();
    expect(await outcome).toEqual({ kind: 'abandoned' });
    expect(clock.pendingTimers).toBe(0);
  });
});
