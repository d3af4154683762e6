/**
 * A node agent with 500 pods of all kinds that is killed and frozen again and again, at moments
 * drawn from a seed, while clients execute commands and follow logs.
 */

import { systemClock } from '@orrery/kit/clock.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import { Population } from '../support/population.ts';
import { generator } from './schedule.ts';

const SIZES = { plain: 317, servers: 60, loops: 100, probed: 20 };
const SPEED = 5;
const ROUNDS = 6 * Number(process.env['ORRERY_CHAOS_ROUNDS'] ?? '1');
/** From one blow to the next, and how long a frozen agent stays so, at most. */
const LONGEST_MS = 4_000;
const CLIENTS = 3;

const random = generator(Number(process.env['ORRERY_CHAOS_SEED'] ?? '1'));

let cluster: TestCluster;
let population: Population;
const stop = new AbortController();
const clients: Promise<void>[] = [];
/** What clients were told that is not true, and how often they were served. */
const lies: string[] = [];
let served = 0;

/** Asks on and on. It may be refused while the agent is away; what it is told otherwise is what it asked for. */
async function client(number: number): Promise<void> {
  for (let turn = 0; !stop.signal.aborted; turn += 1) {
    const text = `${number} ${turn}`;
    const [exec, logs] = await Promise.all([
      cluster.kubectl(['exec', 'deployment/servers', '--', 'echo', text]),
      cluster.kubectl(['logs', 'accompanied', '-c', 'sidecar']),
    ]);
    if (exec.code === 0 && exec.stdout !== `${text}\n`) lies.push(`exec: ${exec.stdout}`);
    if (logs.code === 0 && logs.stdout !== 'began\n') lies.push(`logs: ${logs.stdout}`);
    if (exec.code === 0 && logs.code === 0) served += 1;
  }
}

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 10, speed: SPEED });
  population = await Population.start(cluster, SIZES);
  for (let number = 0; number < CLIENTS; number += 1) clients.push(client(number));
});
afterAll(async () => {
  stop.abort();
  await Promise.all(clients);
  population.close();
  await cluster.remove();
});

async function kill(): Promise<void> {
  await cluster.signal('node-agent', 'SIGKILL');
  await eventually('another runs', async () => {
    const row = (await cluster.processes()).find(({ name }) => name === 'node-agent');
    return typeof row?.pid === 'number' && row.state === 'running';
  });
}

async function freeze(): Promise<void> {
  await cluster.signal('node-agent', 'SIGSTOP');
  await systemClock.sleep(random() * LONGEST_MS);
  await cluster.signal('node-agent', 'SIGCONT');
}

it.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))('goes on, round %i', async (round) => {
  const before = served;
  const blows = 1 + Math.floor(random() * 3);
  await population.survives(async () => {
    for (let blow = 0; blow < blows; blow += 1) {
      // It may not have come up yet since the blow before: that is what the moments are for.
      await (random() < 0.7 ? kill() : freeze());
      await systemClock.sleep(random() * LONGEST_MS);
    }
  }, blows);
  expect(lies).toEqual([]);
  await eventually(`clients are served after round ${round}`, () => Promise.resolve(served > before));
});

it('ends what was half done', () => population.finishHalfDone());
