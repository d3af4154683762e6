/**
 * How fast nodes that fail may be evicted, by zone: pure (node_lifecycle_controller.go,
 * handleDisruption and ComputeZoneState). When everything seems down at once, the fault is
 * more likely between the nodes and us, and evicting would make it worse.
 */

import type { Node } from '@orrery/api/gen/types.ts';
import { findCondition } from '../conditions.ts';

export type ZoneState = 'Normal' | 'PartialDisruption' | 'FullDisruption';

const EVICTIONS_PER_SECOND = 0.1;
const EVICTIONS_PER_SECOND_WHEN_UNHEALTHY = 0.01;
/** In a smaller zone that is unhealthy nothing is evicted. */
const LARGE_ZONE_NODES = 50;
const UNHEALTHY_ZONE_FRACTION = 0.55;
const FEWEST_UNHEALTHY_NODES = 3;

export function zoneOf({ metadata }: Node): string {
  const region = metadata.labels?.['topology.kubernetes.io/region'] ?? '';
  const zone = metadata.labels?.['topology.kubernetes.io/zone'] ?? '';
  return `${region}/${zone}`;
}

export function isNodeReady({ status }: Node): boolean {
  return findCondition(status?.conditions, 'Ready')?.status === 'True';
}

export function zoneStateOf(nodes: readonly Node[]): ZoneState {
  const notReady = nodes.filter((each) => !isNodeReady(each)).length;
  if (notReady > 0 && notReady === nodes.length) return 'FullDisruption';
  const isUnhealthy =
    notReady >= FEWEST_UNHEALTHY_NODES && notReady / nodes.length >= UNHEALTHY_ZONE_FRACTION;
  return isUnhealthy ? 'PartialDisruption' : 'Normal';
}

interface Zone {
  state: ZoneState;
  nodes: number;
  nextMs: number;
}

export class EvictionPace {
  readonly #zones = new Map<string, Zone>();
  #allDown = false;

  /** Every zone is down: nothing is evicted anywhere. */
  get allDown(): boolean {
    return this.#allDown;
  }

  /** Takes in the present nodes. `recovered` when the first node is back after all were down. */
  update(nodes: readonly Node[]): { recovered: boolean } {
    const byZone = new Map<string, Node[]>();
    for (const node of nodes) byZone.set(zoneOf(node), [...(byZone.get(zoneOf(node)) ?? []), node]);
    for (const zone of this.#zones.keys()) if (!byZone.has(zone)) this.#zones.delete(zone);
    for (const [zone, members] of byZone) {
      const nextMs = this.#zones.get(zone)?.nextMs ?? 0;
      this.#zones.set(zone, { state: zoneStateOf(members), nodes: members.length, nextMs });
    }
    const before = this.#allDown;
    this.#allDown =
      byZone.size > 0 && [...this.#zones.values()].every(({ state }) => state === 'FullDisruption');
    return { recovered: before && !this.#allDown };
  }

  /** Takes the right to evict one node of the zone now; else says how long to wait for it. */
  take(zone: string, nowMs: number): { allowed: boolean; waitMs: number } {
    const known = this.#zones.get(zone) ?? { state: 'Normal', nodes: 0, nextMs: 0 };
    const perSecond = this.#perSecond(known);
    // The pace is looked up again soon: it changes with the state of the zone.
    if (perSecond === 0) return { allowed: false, waitMs: 1_000 / EVICTIONS_PER_SECOND };
    if (nowMs < known.nextMs) return { allowed: false, waitMs: known.nextMs - nowMs };
    this.#zones.set(zone, { ...known, nextMs: nowMs + 1_000 / perSecond });
    return { allowed: true, waitMs: 0 };
  }

  #perSecond({ state, nodes }: Zone): number {
    if (this.#allDown) return 0;
    if (state !== 'PartialDisruption') return EVICTIONS_PER_SECOND;
    return nodes > LARGE_ZONE_NODES ? EVICTIONS_PER_SECOND_WHEN_UNHEALTHY : 0;
  }
}
