/** Why a pod fits nowhere, in upstream's words (pkg/scheduler/framework/types.go, FitError). */

/** What a decision learned about the nodes that it had to refuse. */
export interface Diagnosis {
  /** How many nodes there are. */
  readonly nodeCount: number;
  /** Nodes by reason; one node may count under several. */
  readonly reasons: ReadonlyMap<string, number>;
  /** What made looking at nodes pointless. */
  readonly unfit?: string;
  /** What preemption has to say, if it was tried in vain. */
  readonly preemption?: string;
  /** Plugins that rejected the pod or a node: only events that they wait for can help. */
  readonly plugins: ReadonlySet<string>;
}

/** The text of the condition and of the event. Without nodes there is nothing to count. */
export function fitErrorMessage({ nodeCount, reasons, unfit, preemption }: Diagnosis): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const message = unfit === undefined ? countedMessage(nodeCount, reasons) : `${header(nodeCount)} ${unfit}.`;
  return preemption === undefined ? message : `${message} preemption: ${preemption}`;
}

/** Sorted as text, count first, so that the same situation always reads the same. */
export function countedMessage(nodeCount: number, reasons: ReadonlyMap<string, number>): string {
  const counted = Array.from(reasons, ([reason, count]) => `${count} ${reason}`).sort();
  return `${header(nodeCount)} ${counted.join(', ')}.`;
}

function header(nodeCount: number): string {
  return `0/${nodeCount} nodes are available:`;
}
