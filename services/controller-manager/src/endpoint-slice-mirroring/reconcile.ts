/** All I/O of the EndpointSlice mirroring controller (pkg/controller/endpointslicemirroring). */

import type { Endpoints, EndpointSlice, Service } from '@orrery/api/gen/types.ts';
import { controllerReference, isBeingDeleted } from '@orrery/api/meta.ts';
import { EndpointSlices, EndpointsRef } from '@orrery/api/resources.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { ReconcileContext } from '@orrery/controller/controller.ts';
import { isNamespaceTerminating, isRefusal, messageOf } from '../api-errors.ts';
import type { ServiceSlices } from '../service-endpoints/service-slices.ts';
import {
  MAX_ENDPOINTS_PER_SUBSET,
  mayMirror,
  type Mirror,
  type MirrorMetadata,
  mirrorMetadata,
  mirrorsOf,
  planMirrors,
} from './plan.ts';

export interface MirroringReconcilerOptions {
  endpoints: Lister<Endpoints>;
  services: Lister<Service>;
  slices: ServiceSlices;
  events: EventRecorder;
}

export class MirroringReconciler {
  readonly #options: MirroringReconcilerOptions;

  constructor(options: MirroringReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, { client }: ReconcileContext): Promise<void> {
    const { slices } = this.#options;
    const present = slices.of(key);
    const endpoints = this.#toMirror(key);
    if (endpoints === undefined) {
      for (const each of present) await slices.remove(client, each);
      return;
    }
    const { mirrors, skipped } = mirrorsOf(endpoints);
    if (skipped > 0) this.#reportSkipped(endpoints, skipped);
    try {
      await this.#mirror(client, endpoints, mirrors, present);
    } catch (error) {
      if (isRefusal(error)) {
        const message = `Error updating mirrored Endpoint Slices for Endpoints ${key}: ${messageOf(error)}`;
        const subject = { resource: EndpointsRef, object: endpoints };
        this.#options.events.warning(subject, 'FailedToUpdateEndpointSlices', message);
      }
      throw error;
    }
  }

  async #mirror(
    client: Client,
    endpoints: Endpoints,
    mirrors: readonly Mirror[],
    present: readonly EndpointSlice[],
  ): Promise<void> {
    const { slices } = this.#options;
    const metadata = mirrorMetadata(endpoints);
    const existing = present.filter((each) => !isBeingDeleted(each));
    const plan = planMirrors(existing, mirrors, metadata);
    for (const each of plan.create) await this.#create(client, endpoints, metadata, each);
    for (const { slice, mirror } of plan.update) {
      const changed = { ...slice, metadata: { ...slice.metadata, ...metadata }, endpoints: mirror.endpoints };
      slices.wrote(await client.update(EndpointSlices, changed));
    }
    for (const each of plan.remove) await slices.remove(client, each);
  }

  /** The Endpoints, if they belong to a Service that leaves it to people to keep them. */
  #toMirror(key: string): Endpoints | undefined {
    const endpoints = this.#options.endpoints.get(key);
    const service = this.#options.services.get(key);
    if (endpoints === undefined || service === undefined) return undefined;
    return selectsNothing(service) && mayMirror(endpoints) ? endpoints : undefined;
  }

  async #create(
    client: Client,
    endpoints: Endpoints,
    metadata: MirrorMetadata,
    { addressType, ports, endpoints: content }: Mirror,
  ): Promise<void> {
    const { namespace, name } = endpoints.metadata;
    if (isBeingDeleted(endpoints)) return;
    try {
      const created = await client.create(EndpointSlices, {
        metadata: {
          generateName: `${name}-`,
          namespace,
          ...metadata,
          ownerReferences: [controllerReference(endpoints, EndpointsRef)],
        },
        addressType,
        endpoints: content,
        ports,
      });
      this.#options.slices.wrote(created);
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
  }

  #reportSkipped(object: Endpoints, skipped: number): void {
    this.#options.events.warning(
      { resource: EndpointsRef, object },
      'TooManyAddressesToMirror',
      `A max of ${MAX_ENDPOINTS_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`,
    );
  }
}

/** Controllers keep the endpoints of all other Services. */
export function selectsNothing({ spec }: Service): boolean {
  return Object.keys(spec.selector ?? {}).length === 0;
}
