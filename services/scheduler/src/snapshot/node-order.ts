/** The order in which nodes are looked at (pkg/scheduler/backend/cache/node_tree.go). */

/**
 * Lets the zones take turns: one node of each, then the next of each, until all are used
 * up. Decisions sample a stretch of this order, and so never see one zone only.
 */
export function interleaveZones<N extends { readonly zone: string }>(nodes: readonly N[]): N[] {
  const zones = Map.groupBy(nodes, ({ zone }) => zone);
  if (zones.size <= 1) return [...nodes];
  const order: N[] = [];
  for (let turn = 0; order.length < nodes.length; turn += 1) {
    for (const members of zones.values()) {
      const member = members[turn];
      if (member !== undefined) order.push(member);
    }
  }
  return order;
}
