/** Which events concern the endpoints of which Service; shared by both endpoint controllers. */

import type { Pod, Service } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { Pods, Services } from '@orrery/api/resources.ts';
import { mapMatcher, type Matcher } from '@orrery/api/selectors.ts';
import type { Informers } from '@orrery/client/informer.ts';
import type { KeyQueue } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { endpointRelevantChange } from './pod-endpoints.ts';

export interface ServiceEventsOptions {
  informers: Informers;
  clock: Clock;
  /** Pods that change one after the other cause at most one reconciliation in this time. */
  batchMs: number;
}

export class ServiceEvents {
  readonly #informers: Informers;
  readonly #clock: Clock;
  readonly #batchMs: number;
  readonly #matchers = new WeakMap<Service, Matcher>();
  /** When the next reconciliation for a change of pods may start, by service. */
  readonly #nextMs = new Map<string, number>();

  constructor({ informers, clock, batchMs }: ServiceEventsOptions) {
    this.#informers = informers;
    this.#clock = clock;
    this.#batchMs = batchMs;
  }

  subscribe(queue: KeyQueue): void {
    this.#informers.of(Services).addHandler({
      add: (service) => queue.add(keyOf(service)),
      update: (service) => queue.add(keyOf(service)),
      delete: (service) => {
        this.#nextMs.delete(keyOf(service));
        queue.add(keyOf(service));
      },
    });
    const enqueue = (pod: Pod): void => {
      for (const service of this.#servicesOf(pod)) this.#addBatched(queue, keyOf(service));
    };
    this.#informers.of(Pods).addHandler({
      add: enqueue,
      update: (pod, before) => {
        const relabelled = !jsonEqual(pod.metadata.labels, before.metadata.labels);
        if (!relabelled && !endpointRelevantChange(pod, before)) return;
        enqueue(pod);
        if (relabelled) enqueue(before);
      },
      delete: enqueue,
    });
  }

  /** Pods that the service selects. */
  podsOf(service: Service): Pod[] {
    const matches = this.#matcherOf(service);
    return this.#informers
      .of(Pods)
      .lister.list(service.metadata.namespace)
      .filter(({ metadata }) => matches(metadata.labels));
  }

  #servicesOf(pod: Pod): Service[] {
    return this.#informers
      .of(Services)
      .lister.list(pod.metadata.namespace)
      .filter((service) => this.#matcherOf(service)(pod.metadata.labels));
  }

  #matcherOf(service: Service): Matcher {
    let matcher = this.#matchers.get(service);
    if (matcher === undefined) {
      matcher = mapMatcher(service.spec.selector);
      this.#matchers.set(service, matcher);
    }
    return matcher;
  }

  /** The first of a burst goes at once, the others share the end of the batch. */
  #addBatched(queue: KeyQueue, key: string): void {
    const nowMs = this.#clock.now();
    const nextMs = this.#nextMs.get(key) ?? 0;
    if (nextMs > nowMs) {
      queue.addAfter(key, nextMs - nowMs);
      return;
    }
    this.#nextMs.set(key, nowMs + this.#batchMs);
    queue.add(key);
  }
}
