/**
 * Services and their endpoints. Endpoints change whenever a pod does, so they are followed only
 * from the first time that somebody looks a Service up: pods that do not cost nothing.
 */

import type { Service } from '@orrery/api/gen/types.ts';
import { EndpointSlices } from '@orrery/api/resources.ts';
import type { Informer, Informers } from '@orrery/client/informer.ts';
import { indexServices, type ServiceView, serviceView } from './cluster-view.ts';

export class ServiceInformers {
  readonly #services: Informer<Service>;
  readonly #create: () => Informers;
  #informers: Informers | undefined;
  #view: ServiceView | Promise<ServiceView> | undefined;

  /** `services` must not have started, and be known when `view` is asked for; `create` makes informers for the rest. */
  constructor(services: Informer<Service>, create: () => Informers) {
    indexServices(services);
    this.#services = services;
    this.#create = create;
  }

  /** A promise until all is known, however long the apiserver is away. */
  view(): ServiceView | Promise<ServiceView> {
    this.#view ??= this.#start();
    return this.#view;
  }

  async stop(): Promise<void> {
    await this.#informers?.stop();
  }

  async #start(): Promise<ServiceView> {
    this.#informers = this.#create();
    const view = serviceView(this.#services, this.#informers.of(EndpointSlices));
    await this.#informers.start();
    this.#view = view;
    return view;
  }
}
