/**
 * Which nodes there are: what the apiserver makes of the groups of nodes, and what all node agents
 * follow. Pure.
 *
 * Each node has an index, of which its addresses are made. A group has blocks of indexes, kept for as
 * long as it exists: the same node has the same address however often the group grows and shrinks.
 */

import { MOST_NODES, type NodeGroup } from './node-groups.ts';

/** Where the truth about the nodes is. */
export const NODES_OBJECT = { namespace: 'kube-system', name: 'orrery-nodes' } as const;

/** Indexes that belong to one group. */
const BLOCK = 256;
/** As many as there are addresses for (10.128.0.0 to 10.243.255.255, and 10.244.0.0/16). */
const BLOCKS = 116;

export interface PlannedGroup extends NodeGroup {
  /** The numbers of its blocks; the first has its first nodes. */
  readonly blocks: readonly number[];
}

export interface NodePlan {
  readonly groups: readonly PlannedGroup[];
  /** The block that is given away next, if it is free: addresses rest before others have them. */
  readonly nextBlock: number;
}

export const NO_NODES: NodePlan = { groups: [], nextBlock: 0 };

export interface PlannedNode {
  readonly name: string;
  readonly index: number;
  /** From 0, within its group. */
  readonly number: number;
  readonly group: PlannedGroup;
}

function blocksFor(count: number): number {
  return Math.ceil(count / BLOCK);
}

/** The plan for groups that can be used; `before` says which blocks they have already. */
export function planNodes(groups: readonly NodeGroup[], before: NodePlan): NodePlan {
  const kept = groups.map((group): PlannedGroup => {
    const old = before.groups.find(
      ({ name, namePrefix }) => name === group.name && namePrefix === group.namePrefix,
    );
    return { ...group, blocks: old?.blocks ?? [] };
  });
  const missing = kept.reduce(
    (sum, each) => sum + Math.max(0, blocksFor(each.count) - each.blocks.length),
    0,
  );
  const used = kept.reduce((sum, { blocks }) => sum + blocks.length, 0);
  // Only when there are no others, those that groups had when they were larger are given to others.
  const planned = used + missing <= BLOCKS ? kept : kept.map(withoutSpareBlocks);
  const taken = new Set(planned.flatMap(({ blocks }) => blocks));
  let { nextBlock } = before;
  const take = (): number => {
    while (taken.has(nextBlock % BLOCKS)) nextBlock += 1;
    const block = nextBlock % BLOCKS;
    taken.add(block);
    nextBlock = (block + 1) % BLOCKS;
    return block;
  };
  const all = planned.map((group) => {
    const more = Math.max(0, blocksFor(group.count) - group.blocks.length);
    return { ...group, blocks: [...group.blocks, ...Array.from({ length: more }, take)] };
  });
  return { groups: all, nextBlock };
}

function withoutSpareBlocks(group: PlannedGroup): PlannedGroup {
  return { ...group, blocks: group.blocks.slice(0, blocksFor(group.count)) };
}

/** All nodes of a plan, group by group. */
export function plannedNodes({ groups }: NodePlan): PlannedNode[] {
  return groups.flatMap((group) =>
    Array.from({ length: group.count }, (_, number) => ({
      name: nodeName(group, number),
      index: indexOf(group, number),
      number,
      group,
    })),
  );
}

function nodeName({ namePrefix }: NodeGroup, number: number): string {
  return `${namePrefix}${number + 1}`;
}

function indexOf({ blocks }: PlannedGroup, number: number): number {
  return blocks[Math.floor(number / BLOCK)]! * BLOCK + (number % BLOCK);
}

export function formatPlan(plan: NodePlan): string {
  return JSON.stringify(plan);
}

/** Reads what `formatPlan` wrote; undefined when it is something else. */
export function parsePlan(text: string): NodePlan | undefined {
  try {
    const value = JSON.parse(text) as Partial<NodePlan>;
    const { groups, nextBlock } = value;
    if (!Array.isArray(groups) || typeof nextBlock !== 'number') return undefined;
    if (!groups.every(isPlanned)) return undefined;
    const blocks = groups.flatMap((each) => each.blocks);
    return new Set(blocks).size === blocks.length ? (value as NodePlan) : undefined;
  } catch {
    return undefined;
  }
}

function isPlanned({ name, count, blocks }: Partial<PlannedGroup>): boolean {
  return (
    typeof name === 'string' &&
    typeof count === 'number' &&
    count <= MOST_NODES &&
    Array.isArray(blocks) &&
    blocks.every((each) => Number.isInteger(each) && each >= 0 && each < BLOCKS) &&
    blocks.length >= blocksFor(count)
  );
}
