/** Holds every state of every pod of a mixed load against what must hold at all times. */

import type { KubeObject, Pod } from '@orrery/api/gen/types.ts';
import type { Observer } from './watcher.ts';

export interface MixedLedgerOptions {
  /** The app whose pods may never be more than so many, those on their way out not counted. */
  readonly app: string;
  readonly mostPods: number;
}

export class MixedLedger implements Observer {
  readonly #options: MixedLedgerOptions;
  readonly #pods = new Map<string, Pod>();
  readonly #violations: string[] = [];

  constructor(options: MixedLedgerOptions) {
    this.#options = options;
  }

  get violations(): string[] {
    return [...this.#violations];
  }

  violate(what: string): void {
    this.#violations.push(what);
  }

  kept(object: KubeObject): void {
    const pod = object as Pod;
    const { uid, name } = pod.metadata;
    const before = this.#pods.get(uid);
    this.#pods.set(uid, pod);
    if (before?.spec.nodeName !== undefined && before.spec.nodeName !== pod.spec.nodeName) {
      this.violate(`${name} was bound to ${before.spec.nodeName} and then to ${pod.spec.nodeName}`);
    }
    if ((pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0) {
      this.violate(`a container of ${name} was restarted`);
    }
    if (before !== undefined) return;
    this.#checkName(pod);
    this.#checkCount();
    this.#checkOrder(pod);
  }

  dropped({ metadata }: KubeObject): void {
    this.#pods.delete(metadata.uid);
  }

  /** One object for one name: a successor comes only when the one before has gone. */
  #checkName({ metadata }: Pod): void {
    const namesakes = [...this.#pods.values()].filter((each) => each.metadata.name === metadata.name);
    if (namesakes.length > 1) this.violate(`there are ${namesakes.length} pods called ${metadata.name}`);
  }

  #checkCount(): void {
    const { app, mostPods } = this.#options;
    const there = [...this.#pods.values()].filter(
      ({ metadata }) => metadata.labels?.['app'] === app && metadata.deletionTimestamp === undefined,
    );
    if (there.length > mostPods) this.violate(`${there.length} pods of ${app}; at most ${mostPods} may be`);
  }

  /** Members of the StatefulSet come in order: all before are there, and ready. */
  #checkOrder({ metadata }: Pod): void {
    const ordinal = /^db-(\d+)$/.exec(metadata.name)?.[1];
    if (ordinal === undefined) return;
    for (let before = 0; before < Number(ordinal); before += 1) {
      const pod = [...this.#pods.values()].find((each) => each.metadata.name === `db-${before}`);
      const isReady = pod?.status?.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      );
      if (isReady !== true) this.violate(`${metadata.name} came before db-${before} was ready`);
    }
  }
}
