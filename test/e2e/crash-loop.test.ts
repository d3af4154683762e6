/** A container that crashes again and again, up to the longest back-off, and is forgiven after a good run. On a whole cluster, with time running fast. */

import type { ContainerStatus, Event, Pod } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

/** Half an hour passes in nine seconds. */
const SPEED = 200;
/** Twice the longest back-off, and more. */
const GOOD_RUN_SECONDS = 640;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 1, speed: SPEED });
});
afterAll(() => cluster.remove());

/**
 * It crashes until it is told to do better: however often the machine stops for so long that a crash
 * counts as a good run, the climb begins anew and comes to its end.
 */
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: {
    volumes: [{ name: 'shared', emptyDir: {} }],
    containers: [
      {
        name: 'web',
        image: 'busybox',
        command: ['sh', '-c', `if [ -e /shared/better ]; then sleep ${GOOD_RUN_SECONDS}; fi; exit 1`],
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      },
      {
        name: 'friend',
        image: 'busybox',
        command: ['sleep', 'infinity'],
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      },
    ],
  },
};

async function status(): Promise<ContainerStatus | undefined> {
  const { status } = await cluster.get<Pod>('pod', 'web');
  return status?.containerStatuses?.find(({ name }) => name === 'web');
}

it('waits five minutes in the end, and not at all after ten good minutes', async () => {
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(pod) });
  const { uid } = (await cluster.get<Pod>('pod', 'web')).metadata;
  const waiting = await eventually('the longest back-off', async () => {
    const { waiting } = (await status())?.state ?? {};
    return waiting?.message?.includes('back-off 5m0s') === true ? waiting : undefined;
  });
  expect(waiting).toEqual({
    reason: 'CrashLoopBackOff',
    message: `back-off 5m0s restarting failed container=web pod=web_default(${uid})`,
  });
  await eventually('the words of kubectl get', async () =>
    /^web +1\/2 +CrashLoopBackOff +\d+ /m.test(await cluster.kubectlOk(['get', 'pod', 'web'])),
  );
  await cluster.kubectlOk(['exec', 'web', '-c', 'friend', '--', 'touch', '/shared/better']);
  // Less than five minutes: the time that this machine takes, at this speed.
  await eventually('a start that follows a good run without waiting', async () => {
    const { state, lastState } = (await status()) ?? {};
    const { startedAt, finishedAt } = lastState?.terminated ?? {};
    if (state?.running === undefined || startedAt === undefined || finishedAt === undefined) return false;
    const ranMs = parseTime(finishedAt) - parseTime(startedAt);
    const waitedMs = parseTime(state.running.startedAt!) - parseTime(finishedAt);
    return ranMs >= GOOD_RUN_SECONDS * 1_000 && waitedMs < 300_000;
  });
  const { items } = await cluster.get<{ items: Event[] }>('events', '--field-selector=reason=BackOff');
  expect(items[0]?.message).toBe(`Back-off restarting failed container web in pod web_default(${uid})`);
});
