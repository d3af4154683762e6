/** All I/O of the Endpoints controller (k8s.io/kubernetes/pkg/controller/endpoint). */

import type { Endpoints, Service } from '@orrery/api/gen/types.ts';
import { formatTime, isBeingDeleted, splitKey } from '@orrery/api/meta.ts';
import { EndpointsRef } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { ReconcileContext } from '@orrery/controller/controller.ts';
import { isRefusal, messageOf } from '../api-errors.ts';
import { createUnlessPresent } from '../namespace-content.ts';
import type { OwnWrites } from '../own-writes.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { hasSelector } from '../service-endpoints/pod-endpoints.ts';
import type { ServiceEvents } from '../service-endpoints/service-events.ts';
import { TriggerTimes } from '../service-endpoints/trigger-time.ts';
import {
  endpointsAnnotations,
  endpointsLabels,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  OVER_CAPACITY,
  subsetsOf,
} from './plan.ts';

export interface EndpointsReconcilerOptions {
  services: Lister<Service>;
  endpoints: OwnWrites<Endpoints>;
  serviceEvents: ServiceEvents;
  events: EventRecorder;
}

export class EndpointsReconciler {
  readonly #options: EndpointsReconcilerOptions;
  readonly #triggerTimes = new TriggerTimes();
  /** Services that were seen to go and whose Endpoints are still to follow. */
  readonly #goneServices = new Set<string>();

  constructor(options: EndpointsReconcilerOptions) {
    this.#options = options;
  }

  /** The Service is gone, and its Endpoints with it, even those that people made for it by hand. */
  serviceDeleted(key: string): void {
    this.#goneServices.add(key);
  }

  async reconcile(key: string, { client }: ReconcileContext): Promise<void> {
    const { services, endpoints, serviceEvents } = this.#options;
    const service = services.get(key);
    const present = endpoints.get(key);
    if (service === undefined) {
      this.#triggerTimes.forget(key);
      if (present !== undefined && this.#mayRemove(key, present)) await this.#remove(client, present);
      this.#goneServices.delete(key);
      return;
    }
    this.#goneServices.delete(key);
    if (!hasSelector(service) || isBeingDeleted(service)) return;
    const pods = serviceEvents.podsOf(service);
    const { subsets, truncated } = subsetsOf(service, pods);
    const labels = endpointsLabels(service);
    const triggerMs = this.#triggerTimes.next(service, pods);
    const isCurrent =
      present !== undefined &&
      semanticallyEqual(present.subsets, subsets) &&
      semanticallyEqual(present.metadata.labels, labels) &&
      (present.metadata.annotations?.[OVER_CAPACITY] === 'truncated') === truncated;
    if (isCurrent) return;
    const triggerTime = triggerMs === undefined ? undefined : formatTime(triggerMs);
    const annotations = endpointsAnnotations(present?.metadata.annotations, truncated, triggerTime);
    const { namespace, name } = splitKey(key);
    if (present === undefined) {
      const metadata = { namespace, name, labels, annotations };
      try {
        await createUnlessPresent(client, EndpointsRef, { metadata, subsets });
      } catch (error) {
        const what = `Failed to create endpoint for service ${namespace}/${name}`;
        this.#report({ metadata: { ...service.metadata, uid: '' } }, 'FailedToCreateEndpoint', what, error);
        throw error;
      }
      return;
    }
    const changed = { ...present, metadata: { ...present.metadata, labels, annotations }, subsets };
    try {
      endpoints.wrote(await client.update(EndpointsRef, changed));
    } catch (error) {
      const what = `Failed to update endpoint ${namespace}/${name}`;
      this.#report(present, 'FailedToUpdateEndpoint', what, error);
      throw error;
    }
  }

  #report(object: Pick<Endpoints, 'metadata'>, reason: string, what: string, error: unknown): void {
    if (!isRefusal(error)) return;
    this.#options.events.warning({ resource: EndpointsRef, object }, reason, `${what}: ${messageOf(error)}`);
  }

  /** What people made by hand may have had no Service to begin with; then it stays. */
  #mayRemove(key: string, { metadata }: Endpoints): boolean {
    return this.#goneServices.has(key) || metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY;
  }

  async #remove(client: Client, { metadata }: Endpoints): Promise<void> {
    const { namespace, name, uid } = metadata;
    try {
      await client.delete(EndpointsRef, { namespace, name }, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
