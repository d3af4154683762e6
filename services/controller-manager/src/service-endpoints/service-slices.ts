/** The EndpointSlices that one controller keeps for Services; others keep slices of the same Services. */

import type { EndpointSlice } from '@orrery/api/gen/types.ts';
import { EndpointSlices } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Informer } from '@orrery/client/informer.ts';
import type { ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { indexed } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';

/** Own writes come back as events; one look serves all within this time, on the cluster's clock. */
export const BATCH_MS = 500;

export class ServiceSlices {
  readonly #informer: Informer<EndpointSlice>;
  readonly #writes: OwnWrites<EndpointSlice>;
  readonly #managedBy: string;
  readonly #byService: (serviceKey: string) => EndpointSlice[];

  /** `managedBy`: the value of the label by which the controller knows its slices. */
  constructor({ informers, clock }: Pick<ControllerContext, 'informers' | 'clock'>, managedBy: string) {
    this.#informer = informers.of(EndpointSlices);
    this.#writes = new OwnWrites(this.#informer, clock);
    this.#managedBy = managedBy;
    this.#byService = indexed(this.#informer, {
      name: `service of ${managedBy}`,
      values: (slice) => (this.#isManaged(slice) ? [serviceKeyOf(slice)] : []),
    });
  }

  /** Lets every change of a slice wake its Service, also the first sight of one whose Service is gone. */
  subscribe(queue: KeyQueue): void {
    const enqueue = (slice: EndpointSlice): void => {
      if (this.#isManaged(slice)) queue.addAfter(serviceKeyOf(slice), BATCH_MS);
    };
    this.#informer.addHandler({
      add: enqueue,
      update: (slice, before) => {
        enqueue(slice);
        if (serviceKeyOf(before) !== serviceKeyOf(slice)) enqueue(before);
      },
      delete: enqueue,
    });
  }

  /** The slices of a Service (`namespace/name`) as they are after the own writes. */
  of(serviceKey: string): EndpointSlice[] {
    return this.#writes.over(this.#byService(serviceKey), (each) => serviceKeyOf(each) === serviceKey);
  }

  /** Remembers the answer to a create or update. */
  wrote(slice: EndpointSlice): void {
    this.#writes.wrote(slice);
  }

  /** Deletes a slice, or finds it gone. */
  async remove(client: Client, slice: EndpointSlice): Promise<void> {
    const { namespace, name, uid } = slice.metadata;
    try {
      await client.delete(EndpointSlices, { namespace, name }, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#writes.removed(slice);
  }

  #isManaged({ metadata }: EndpointSlice): boolean {
    return metadata.labels?.[MANAGED_BY_LABEL] === this.#managedBy;
  }
}

/** `namespace/name` of the Service that a slice belongs to by its label. */
function serviceKeyOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}
