/** Pods that are promised a node once their victims have left it (pkg/scheduler/backend/queue/nominator.go). */

import type { PodInfo } from '../snapshot/pod-info.ts';

const NOBODY: readonly PodInfo[] = [];

export class Nominator {
  readonly #byUid = new Map<string, { info: PodInfo; nodeName: string }>();
  readonly #byNode = new Map<string, PodInfo[]>();
  readonly #onChange: (nodeName: string) => void;

  /** Pods that are promised this node. */
  on(nodeName: string): readonly PodInfo[] {
    return this.#byNode.get(nodeName) ?? NOBODY;
  }

  /** The node that the pod is promised, if any. */
  nodeOf(uid: string): string | undefined {
    return this.#byUid.get(uid)?.nodeName;
  }

  /** `onChange` is told of a node that is promised to other pods than before. */
  constructor(onChange: (nodeName: string) => void = () => undefined) {
    this.#onChange = onChange;
  }

  get isEmpty(): boolean {
    return this.#byUid.size === 0;
  }

  set(info: PodInfo, nodeName: string): void {
    this.delete(info.uid);
    this.#byUid.set(info.uid, { info, nodeName });
    this.#byNode.set(nodeName, [...this.on(nodeName), info]);
    this.#onChange(nodeName);
  }

  delete(uid: string): void {
    const before = this.#byUid.get(uid);
    if (before === undefined) return;
    this.#byUid.delete(uid);
    const left = this.on(before.nodeName).filter((info) => info.uid !== uid);
    if (left.length === 0) this.#byNode.delete(before.nodeName);
    else this.#byNode.set(before.nodeName, left);
    this.#onChange(before.nodeName);
  }
}
