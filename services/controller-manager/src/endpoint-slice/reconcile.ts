/** All I/O of the EndpointSlice controller (pkg/controller/endpointslice). */

import type { Draft, EndpointSlice, Pod, Service } from '@orrery/api/gen/types.ts';
import { controllerReference, formatTime, isBeingDeleted } from '@orrery/api/meta.ts';
import { EndpointSlices, Services } from '@orrery/api/resources.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import { isRefusal, messageOf } from '../api-errors.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { hasSelector } from '../service-endpoints/pod-endpoints.ts';
import type { ServiceEvents } from '../service-endpoints/service-events.ts';
import type { ServiceSlices } from '../service-endpoints/service-slices.ts';
import { LAST_CHANGE_TRIGGER_TIME, TriggerTimes } from '../service-endpoints/trigger-time.ts';
import {
  type AddressType,
  addressTypesOf,
  desiredGroups,
  type DesiredInput,
  type EndpointGroup,
  isStranded,
  planSlices,
  sliceLabels,
} from './plan.ts';

export interface EndpointSliceReconcilerOptions {
  services: Lister<Service>;
  serviceEvents: ServiceEvents;
  slices: ServiceSlices;
  node: DesiredInput['node'];
  events: EventRecorder;
}

/** When to look again whether the node of a pod has become known, or the pod has gone. */
const STRANDED_MS = 5_000;

/** One reconciliation of one service. */
interface Pass {
  client: Client;
  service: Service;
  labels: Record<string, string>;
  triggerTime: string | undefined;
}

export class EndpointSliceReconciler {
  readonly #options: EndpointSliceReconcilerOptions;
  readonly #triggerTimes = new TriggerTimes();

  constructor(options: EndpointSliceReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, { client }: ReconcileContext): Promise<ReconcileResult> {
    const { services, serviceEvents, slices, node } = this.#options;
    const service = services.get(key);
    const present = slices.of(key);
    if (service === undefined) {
      this.#triggerTimes.forget(key);
      for (const each of present) await slices.remove(client, each);
      return {};
    }
    if (!hasSelector(service) || isBeingDeleted(service)) return {};
    const pods = serviceEvents.podsOf(service);
    const triggerMs = this.#triggerTimes.next(service, pods);
    const triggerTime = triggerMs === undefined ? undefined : formatTime(triggerMs);
    const pass: Pass = { client, service, labels: sliceLabels(service), triggerTime };
    try {
      await this.#bring(pass, pods, present);
    } catch (error) {
      if (isRefusal(error)) {
        const message = `Error updating Endpoint Slices for Service ${key}: ${messageOf(error)}`;
        const subject = { resource: Services, object: service };
        this.#options.events.warning(subject, 'FailedToUpdateEndpointSlices', message);
      }
      throw error;
    }
    return pods.some((pod) => isStranded(service, pod, node)) ? { requeueAfterMs: STRANDED_MS } : {};
  }

  /** Makes the slices that are present those that the service should have. */
  async #bring(pass: Pass, pods: readonly Pod[], present: readonly EndpointSlice[]): Promise<void> {
    const { client, service } = pass;
    const { slices, node } = this.#options;
    const types = addressTypesOf(service);
    for (const each of present.filter(({ addressType }) => !types.includes(addressType as AddressType))) {
      await slices.remove(client, each);
    }
    for (const addressType of types) {
      const existing = present.filter((each) => each.addressType === addressType && !isBeingDeleted(each));
      const plan = planSlices(existing, desiredGroups({ service, pods, addressType, node }));
      for (const each of plan.create) await this.#create(pass, addressType, each);
      for (const { slice, endpoints } of plan.update) await this.#update(pass, slice, endpoints);
      for (const each of plan.remove) await slices.remove(client, each);
      const changed = new Set([...plan.update.map(({ slice }) => slice), ...plan.remove]);
      for (const each of existing.filter((slice) => !changed.has(slice))) await this.#relabel(pass, each);
    }
  }

  async #create(
    { client, service, labels, triggerTime }: Pass,
    addressType: AddressType,
    group: EndpointGroup,
  ): Promise<void> {
    const draft: Draft<EndpointSlice> = {
      metadata: {
        generateName: `${service.metadata.name}-`,
        namespace: service.metadata.namespace,
        labels,
        ...(triggerTime === undefined ? {} : { annotations: { [LAST_CHANGE_TRIGGER_TIME]: triggerTime } }),
        ownerReferences: [controllerReference(service, Services)],
      },
      addressType,
      endpoints: group.endpoints,
      ports: group.ports,
    };
    this.#options.slices.wrote(await client.create(EndpointSlices, draft));
  }

  async #update(
    { client, labels, triggerTime }: Pass,
    slice: EndpointSlice,
    endpoints: EndpointSlice['endpoints'],
  ): Promise<void> {
    const { [LAST_CHANGE_TRIGGER_TIME]: _, ...annotations } = slice.metadata.annotations ?? {};
    if (triggerTime !== undefined) annotations[LAST_CHANGE_TRIGGER_TIME] = triggerTime;
    const changed = await client.update(EndpointSlices, {
      ...slice,
      metadata: { ...slice.metadata, labels, annotations },
      endpoints: endpoints ?? [],
    });
    this.#options.slices.wrote(changed);
  }

  /** Follows the labels of the service where the endpoints are right already. */
  async #relabel({ client, labels }: Pass, slice: EndpointSlice): Promise<void> {
    if (semanticallyEqual(slice.metadata.labels, labels)) return;
    const changed = await client.update(EndpointSlices, {
      ...slice,
      metadata: { ...slice.metadata, labels },
    });
    this.#options.slices.wrote(changed);
  }
}
