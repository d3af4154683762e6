/** A node agent with 500 pods of all kinds that is killed, frozen, and killed while pods start: what ran in them runs on. */

import type { Deployment } from '@orrery/api/gen/types.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import { Population } from '../support/population.ts';

/** With three that are like no other. */
const SIZES = { plain: 357, servers: 60, loops: 60, probed: 20 };
/** So many more are starting when the agent is killed. */
const MORE = 100;
const FREEZE_MS = 2_000;
/** Loops and back-off go on five times as fast. */
const SPEED = 5;

let cluster: TestCluster;
let population: Population;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 10, speed: SPEED });
  population = await Population.start(cluster, SIZES);
});
afterAll(async () => {
  population.close();
  await cluster.remove();
});

const restarts = async (): Promise<number> =>
  (await cluster.processes()).find(({ name }) => name === 'node-agent')?.restarts ?? 0;

/** Resolves when it runs again. */
async function kill(): Promise<void> {
  const before = await restarts();
  await cluster.signal('node-agent', 'SIGKILL');
  await eventually('it runs again', async () => {
    const row = (await cluster.processes()).find(({ name }) => name === 'node-agent');
    return row?.ready === true && row.restarts > before;
  });
}

it('goes on when it was frozen for a while', () =>
  population.survives(async () => {
    await cluster.signal('node-agent', 'SIGSTOP');
    await systemClock.sleep(FREEZE_MS);
    await cluster.signal('node-agent', 'SIGCONT');
  }));

it('goes on when it was killed, twice in a row', () =>
  population.survives(async () => {
    await kill();
    await kill();
  }, 2));

it('goes on when it was killed while pods start, and starts those too', async () => {
  const before = await population.pods();
  await population.survives(async () => {
    await cluster.kubectlOk(['scale', 'deployment/plain', `--replicas=${SIZES.plain + MORE}`]);
    await eventually('some have started', async () => {
      const { status } = await cluster.get<Deployment>('deployment', 'plain');
      return (status?.readyReplicas ?? 0) > SIZES.plain;
    });
    await kill();
    await population.rolledOut('plain', SIZES.plain + MORE);
  });
  expect(await population.pods()).toHaveLength(before.length + MORE);
});

it('ends what was half done', () => population.finishHalfDone());
