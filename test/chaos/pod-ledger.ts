/** Holds every state of every pod, however short, against what must hold at all times. */

import type { KubeObject, Pod } from '@orrery/api/gen/types.ts';
import { milliValue } from '@orrery/api/quantity.ts';
import type { Observer } from './watcher.ts';

interface Entry {
  readonly name: string;
  readonly milliCpu: number;
  node: string | undefined;
  containerId: string | undefined;
  ready: boolean;
}

export class PodLedger implements Observer {
  readonly #nodeMilliCpu: number;
  readonly #entries = new Map<string, Entry>();
  readonly #usedMilliCpu = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #violations: string[] = [];

  /** `nodeMilliCpu`: what each node has. */
  constructor(nodeMilliCpu: number) {
    this.#nodeMilliCpu = nodeMilliCpu;
  }

  /** What must not have happened and did, since the last call. */
  takeViolations(): string[] {
    const taken = this.#violations;
    this.#violations = [];
    return taken;
  }

  /** Resolves as soon as so many pods, or more (or fewer), are there. */
  async reaches(count: number, direction: 'up' | 'down'): Promise<void> {
    const there = (): boolean =>
      direction === 'up' ? this.#entries.size >= count : this.#entries.size <= count;
    while (!there()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  kept(object: KubeObject): void {
    const { metadata, spec, status } = object as Pod;
    const known = this.#entries.get(metadata.uid);
    const entry = known ?? {
      name: metadata.name,
      milliCpu: cpuOf(object as Pod),
      node: undefined,
      containerId: undefined,
      ready: false,
    };
    this.#entries.set(metadata.uid, entry);
    if (spec.nodeName !== entry.node) this.#bound(entry, spec.nodeName);
    const container = status?.containerStatuses?.[0];
    if (container?.containerID !== undefined) this.#ran(entry, container.containerID);
    if ((container?.restartCount ?? 0) > 0) this.#violate(entry, 'its container was restarted');
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
    if (entry.ready && !ready && metadata.deletionTimestamp === undefined)
      this.#violate(entry, 'was ready and is not any more, without being deleted');
    entry.ready = ready;
    if (known === undefined) this.#changed();
  }

  dropped({ metadata }: KubeObject): void {
    const entry = this.#entries.get(metadata.uid);
    if (entry === undefined) return;
    this.#entries.delete(metadata.uid);
    if (entry.node !== undefined) this.#use(entry.node, -entry.milliCpu);
    this.#changed();
  }

  #bound(entry: Entry, node: string | undefined): void {
    if (entry.node !== undefined) {
      this.#violate(entry, `was bound to ${entry.node} and then to ${node}`);
      return;
    }
    entry.node = node;
    if (node === undefined) return;
    const used = this.#use(node, entry.milliCpu);
    if (used > this.#nodeMilliCpu)
      this.#violate(entry, `${node} has ${this.#nodeMilliCpu}m of cpu and gave away ${used}m`);
  }

  #ran(entry: Entry, containerId: string): void {
    if (entry.containerId !== undefined && entry.containerId !== containerId)
      this.#violate(entry, `ran as ${entry.containerId} and then as ${containerId}`);
    entry.containerId = containerId;
  }

  #use(node: string, milliCpu: number): number {
    const used = (this.#usedMilliCpu.get(node) ?? 0) + milliCpu;
    this.#usedMilliCpu.set(node, used);
    return used;
  }

  #violate({ name }: Entry, what: string): void {
    this.#violations.push(`${name}: ${what}`);
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const each of waiting) each();
  }
}

function cpuOf({ spec }: Pod): number {
  return spec.containers.reduce(
    (sum, { resources }) => sum + milliValue(resources?.requests?.['cpu'] ?? '0'),
    0,
  );
}
