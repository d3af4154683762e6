/** A container that crashes again and again, up to the longest back-off, and is forgiven after a good run. On a whole cluster, with time running fast. */

import type { ContainerStatus, Event, Pod } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

/** The half hour that it takes passes in five seconds. */
const SPEED = 400;
const LIMIT_MS = 10_000;

/** With delays of 0, 1, 2, 4 and so on, the last four are the longest. */
const CRASHES = 14;
/** Twice the longest back-off, and more. */
const GOOD_RUN_SECONDS = 640;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 1, speed: SPEED });
});
afterAll(() => cluster.remove());

const crashSeconds = [...Array.from({ length: CRASHES }, () => 1), GOOD_RUN_SECONDS];
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web',
    annotations: { 'orrery.dev/behavior': JSON.stringify({ web: { crashSeconds } }) },
  },
  spec: { containers: [{ name: 'web', image: 'web:1' }] },
};

async function status(): Promise<ContainerStatus | undefined> {
  return (await cluster.get<Pod>('pod', 'web')).status?.containerStatuses?.[0];
}

it('waits five minutes in the end, and not at all after ten good minutes', async () => {
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(pod) });
  const { uid } = (await cluster.get<Pod>('pod', 'web')).metadata;
  const waiting = await eventually(
    'the longest back-off',
    async () => {
      const { waiting } = (await status())?.state ?? {};
      return waiting?.message?.includes('back-off 5m0s') === true ? waiting : undefined;
    },
    LIMIT_MS,
  );
  expect(waiting).toEqual({
    reason: 'CrashLoopBackOff',
    message: `back-off 5m0s restarting failed container=web pod=web_default(${uid})`,
  });
  await eventually(
    'the words of kubectl get',
    async () => /^web +0\/1 +CrashLoopBackOff +1[0-3] /m.test(await cluster.kubectlOk(['get', 'pod', 'web'])),
    LIMIT_MS,
  );
  const last = await eventually(
    'the run after the good one',
    async () => {
      const now = await status();
      return now?.restartCount === crashSeconds.length && now.state?.running !== undefined ? now : undefined;
    },
    LIMIT_MS,
  );
  const { startedAt, finishedAt } = last.lastState!.terminated!;
  expect(parseTime(finishedAt!) - parseTime(startedAt!)).toBeGreaterThanOrEqual(GOOD_RUN_SECONDS * 1_000);
  // Not five minutes: what is left is the time that this machine takes.
  expect(parseTime(last.state!.running!.startedAt!) - parseTime(finishedAt!)).toBeLessThan(120_000);
  const { items } = await cluster.get<{ items: Event[] }>('events', '--field-selector=reason=BackOff');
  expect(items[0]?.message).toBe(`Back-off restarting failed container web in pod web_default(${uid})`);
}, 60_000);
