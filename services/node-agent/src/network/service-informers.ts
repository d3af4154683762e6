/** Services and their endpoints, followed from the first time that somebody asks for one: in a cluster whose pods look nobody up they cost nothing. */

import { EndpointSlices, Services } from '@orrery/api/resources.ts';
import type { Informers } from '@orrery/client/informer.ts';
import { type ServiceView, serviceView } from './cluster-view.ts';

export class ServiceInformers {
  readonly #create: () => Informers;
  #informers: Informers | undefined;
  #view: ServiceView | Promise<ServiceView> | undefined;

  constructor(create: () => Informers) {
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
    const view = serviceView(this.#informers.of(Services), this.#informers.of(EndpointSlices));
    await this.#informers.start();
    this.#view = view;
    return view;
  }
}
