/** Which events concern the EndpointSlices of which Service. */

import type { EndpointSlice } from '@orrery/api/gen/types.ts';
import { EndpointSlices, Nodes, Services } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { type Index, indexed } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { ServiceEvents } from '../service-endpoints/service-events.ts';
import { MANAGED_BY, MANAGED_BY_LABEL } from './plan.ts';
import { EndpointSliceReconciler, serviceKeyOf } from './reconcile.ts';

const BATCH_MS = 500;

const ZONE_LABEL = 'topology.kubernetes.io/zone';

function isManaged({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY;
}

const BY_SERVICE: Index<EndpointSlice> = {
  name: 'service',
  values: (slice) => (isManaged(slice) ? [serviceKeyOf(slice)] : []),
};

export function endpointSliceController({ informers, clock }: ControllerContext): Controller {
  const slices = informers.of(EndpointSlices);
  const nodes = informers.of(Nodes);
  const serviceEvents = new ServiceEvents({ informers, clock, batchMs: BATCH_MS });
  const reconciler = new EndpointSliceReconciler({
    services: informers.of(Services).lister,
    serviceEvents,
    slices: new OwnWrites(slices, clock),
    slicesOf: indexed(slices, BY_SERVICE),
    zoneOf: (node) => nodes.lister.get(node)?.metadata.labels?.[ZONE_LABEL],
  });
  return {
    name: 'endpointslice-controller',
    workers: 5,
    setup: (queue) => {
      serviceEvents.subscribe(queue);
      const enqueue = (slice: EndpointSlice): void => {
        if (isManaged(slice)) queue.addAfter(serviceKeyOf(slice), BATCH_MS);
      };
      slices.addHandler({
        // Also finds slices whose service went away while nobody looked.
        add: enqueue,
        update: (slice, before) => {
          enqueue(slice);
          if (serviceKeyOf(before) !== serviceKeyOf(slice)) enqueue(before);
        },
        delete: enqueue,
      });
    },
    reconcile: (key, context) => reconciler.reconcile(key, context),
  };
}
