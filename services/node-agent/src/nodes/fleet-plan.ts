/** What of the cluster's plan is for one agent to do. Pure. */

import type { Node } from '@orrery/api/gen/types.ts';
import type { LeaveMode } from '@orrery/api/node-groups.ts';
import { type NodePlan, plannedNodes } from '@orrery/api/node-plan.ts';
import { GROUP_LABEL, type Machine, plannedMachine } from './machine.ts';
import { AGENT_LABEL } from './node-object.ts';

/** One agent of several: its place from 0, and how many there are. */
export interface Share {
  readonly place: number;
  readonly of: number;
}

/** The machines of this agent, by name: every so many indexes one, so that a node stays where it is whatever comes and goes. */
export function machinesOf(plan: NodePlan, { place, of }: Share): Map<string, Machine> {
  const own = plannedNodes(plan).filter(({ index }) => index % of === place);
  return new Map(own.map((each) => [each.name, plannedMachine(each)]));
}

/** The place of the agent that a node says it belongs to; undefined when it does not say so. */
function placeOf({ metadata }: Node): number | undefined {
  const match = /-(\d{1,3})$/.exec(metadata.labels?.[AGENT_LABEL] ?? '');
  return match === null ? undefined : Number(match[1]);
}

/**
 * Among these nodes those that are planned no longer and that this agent is to take away: its own, and,
 * for the first agent, those of agents that there are no more.
 */
export function surplusNodes(
  nodes: readonly Node[],
  plan: NodePlan,
  agent: string,
  { place, of }: Share,
): Node[] {
  const planned = new Set(plannedNodes(plan).map(({ name }) => name));
  return nodes.filter((node) => {
    const { name, labels } = node.metadata;
    if (planned.has(name) || labels?.[AGENT_LABEL] === undefined) return false;
    return labels[AGENT_LABEL] === agent || (place === 0 && (placeOf(node) ?? 0) >= of);
  });
}

/** How a node leaves: as its group says, and gently when there is no such group any more. */
export function leaveMode({ groups }: NodePlan, { labels }: { labels: Machine['labels'] }): LeaveMode {
  return groups.find(({ name }) => name === labels[GROUP_LABEL])?.leave ?? 'drain';
}
