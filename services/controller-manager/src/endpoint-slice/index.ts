/** Which events concern the EndpointSlices of which Service. */

import { Nodes, Services } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { ServiceEvents } from '../service-endpoints/service-events.ts';
import { BATCH_MS, ServiceSlices } from '../service-endpoints/service-slices.ts';
import { MANAGED_BY } from './plan.ts';
import { EndpointSliceReconciler } from './reconcile.ts';

const ZONE_LABEL = 'topology.kubernetes.io/zone';

export function endpointSliceController({ informers, clock, events }: ControllerContext): Controller {
  const slices = new ServiceSlices({ informers, clock }, MANAGED_BY);
  const nodes = informers.of(Nodes);
  const serviceEvents = new ServiceEvents({ informers, clock, batchMs: BATCH_MS });
  const reconciler = new EndpointSliceReconciler({
    services: informers.of(Services).lister,
    serviceEvents,
    slices,
    node: (name) => {
      const node = nodes.lister.get(name);
      const zone = node?.metadata.labels?.[ZONE_LABEL];
      return node && (zone === undefined ? {} : { zone });
    },
    events,
  });
  return {
    name: 'endpointslice-controller',
    workers: 5,
    setup: (queue) => {
      serviceEvents.subscribe(queue);
      slices.subscribe(queue);
    },
    reconcile: (key, context) => reconciler.reconcile(key, context),
  };
}
