/**
 * Which nodes have been silent for too long, by the controller's own clock: pure
 * (pkg/controller/nodelifecycle/node_lifecycle_controller.go, tryUpdateNodeHealth).
 *
 * Only *changes* of a node's lease and status count, and when they were noticed; the times
 * written in them belong to other clocks. Time in which nobody could have noticed does not
 * count as silence: neither before this controller started, nor while it did not lead, was
 * frozen, or could not reach the apiserver.
 */

import type { Lease, Node } from '@orrery/api/gen/types.ts';
import { findCondition } from '../conditions.ts';

/** How long a node that never posted a status may take. */
export const STARTUP_GRACE_MS = 60_000;

interface Health {
  uid: string;
  /** Last sign of life. */
  heardMs: number;
  heartbeat: string | undefined;
  renewal: string | undefined;
  hasStatus: boolean;
}

export class NodeHealth {
  readonly #graceMs: number;
  readonly #periodMs: number;
  readonly #nodes = new Map<string, Health>();
  #lookedMs: number | undefined;

  /** `periodMs` is the usual time between two looks. */
  constructor({ graceMs, periodMs }: { graceMs: number; periodMs: number }) {
    this.#graceMs = graceMs;
    this.#periodMs = periodMs;
  }

  /**
   * Begins a look, in which the apiserver has answered. Whatever passed since the last one
   * beyond the usual time between two looks is taken out of every node's silence.
   */
  beginLook(nowMs: number): void {
    const absenceMs = this.#lookedMs === undefined ? 0 : nowMs - this.#lookedMs - this.#periodMs;
    this.#lookedMs = nowMs;
    if (absenceMs <= 0) return;
    for (const health of this.#nodes.values()) health.heardMs = Math.min(nowMs, health.heardMs + absenceMs);
  }

  /** Takes in what is known of a node and says whether it is silent. */
  isSilent(node: Node, lease: Lease | undefined, nowMs: number): boolean {
    const ready = findCondition(node.status?.conditions, 'Ready');
    const seen: Health = {
      uid: node.metadata.uid,
      heardMs: nowMs,
      heartbeat: ready?.lastHeartbeatTime,
      renewal: lease?.spec.renewTime,
      hasStatus: ready !== undefined,
    };
    const before = this.#nodes.get(node.metadata.name);
    const isUnchanged =
      before?.uid === seen.uid &&
      before.heartbeat === seen.heartbeat &&
      before.hasStatus === seen.hasStatus &&
      (seen.renewal === undefined || before.renewal === seen.renewal);
    if (!isUnchanged) {
      this.#nodes.set(node.metadata.name, seen);
      return false;
    }
    return nowMs - before.heardMs > (seen.hasStatus ? this.#graceMs : STARTUP_GRACE_MS);
  }

  /** All nodes begin anew: after an outage of everything. */
  restart(nowMs: number): void {
    for (const health of this.#nodes.values()) health.heardMs = nowMs;
  }

  /** Forgets nodes that no longer exist. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#nodes.keys()) if (!names.has(name)) this.#nodes.delete(name);
  }
}
