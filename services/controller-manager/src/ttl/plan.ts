/** How long kubelets may trust what they have fetched, by the size of the cluster: pure (pkg/controller/ttl). */

interface Step {
  /** With fewer nodes the step before applies again. */
  minNodes: number;
  /** With more nodes the next step applies. */
  maxNodes: number;
  ttlSeconds: number;
}

/** They overlap, so that a cluster that grows and shrinks by a few nodes stays on its step. */
const STEPS: readonly Step[] = [
  { minNodes: 0, maxNodes: 100, ttlSeconds: 0 },
  { minNodes: 90, maxNodes: 500, ttlSeconds: 15 },
  { minNodes: 450, maxNodes: 1_000, ttlSeconds: 30 },
  { minNodes: 900, maxNodes: 2_000, ttlSeconds: 60 },
  { minNodes: 1_800, maxNodes: Number.POSITIVE_INFINITY, ttlSeconds: 300 },
];

/** The step for so many nodes, coming from `step`. */
export function nextStep(step: number, nodes: number): number {
  let next = step;
  while (nodes > STEPS[next]!.maxNodes) next += 1;
  while (nodes < STEPS[next]!.minNodes) next -= 1;
  return next;
}

export function ttlSecondsOf(step: number): number {
  return STEPS[step]!.ttlSeconds;
}
