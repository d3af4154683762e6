/** What pods that run cost the process that simulates them: memory and processor of the node agent. */

import type { Container } from '@orrery/api/gen/types.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { TestCluster } from '../support/cluster.ts';
import { readTarget } from '../support/connection.ts';
import { cpuSeconds } from './cpu-seconds.ts';
import { deploy } from './rows.ts';

export interface PodCost {
  pods: number;
  /** From no pods to all of them, by resident memory. */
  kilobytesPerPod: number;
  /** Of one core, while nothing happens but what the pods do. */
  cpuPercent: number;
}

const NODES = 100;
/** Garbage of the start is collected, and leases and probes have had their turns. */
const CALM_MS = 15_000;
const SAMPLE_MS = 20_000;

interface AgentState {
  pid: number;
  memoryBytes: number;
}

async function agentOf(cluster: TestCluster): Promise<AgentState> {
  const found = (await cluster.processes()).find(({ name }) => name === 'node-agent');
  if (found?.pid == null) throw new Error('the node agent does not run');
  return { pid: found.pid, memoryBytes: found.memoryBytes };
}

/** Starts so many pods of one container on a cluster of their own, and measures them at rest. */
export async function podCost(pods: number, container: Partial<Container>): Promise<PodCost> {
  const cluster = await TestCluster.start({ nodes: NODES });
  try {
    const before = await agentOf(cluster);
    await deploy(readTarget(cluster.kubeconfig), 'fleet', pods, container);
    await systemClock.sleep(CALM_MS);
    const after = await agentOf(cluster);
    const beganSeconds = cpuSeconds(after.pid);
    const beganMs = systemClock.now();
    await systemClock.sleep(SAMPLE_MS);
    const seconds = (systemClock.now() - beganMs) / 1_000;
    return {
      pods,
      kilobytesPerPod: (after.memoryBytes - before.memoryBytes) / 1_000 / pods,
      cpuPercent: (100 * (cpuSeconds(after.pid) - beganSeconds)) / seconds,
    };
  } finally {
    await cluster.remove();
  }
}
