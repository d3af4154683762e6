/** Which events concern the Endpoints of which Service. */

import { keyOf } from '@orrery/api/meta.ts';
import { EndpointsRef, Services } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { OwnWrites } from '../own-writes.ts';
import { ServiceEvents } from '../service-endpoints/service-events.ts';
import { EndpointsReconciler } from './reconcile.ts';

/** One object holds up to 1000 addresses and is written whole, so it is written seldom. */
const BATCH_MS = 1_000;

export function endpointsController({ informers, clock, events }: ControllerContext): Controller {
  const endpoints = informers.of(EndpointsRef);
  const services = informers.of(Services);
  const serviceEvents = new ServiceEvents({ informers, clock, batchMs: BATCH_MS });
  const reconciler = new EndpointsReconciler({
    services: services.lister,
    endpoints: new OwnWrites(endpoints, clock),
    serviceEvents,
    events,
  });
  return {
    name: 'endpoints-controller',
    workers: 5,
    setup: (queue) => {
      services.addHandler({ delete: (service) => reconciler.serviceDeleted(keyOf(service)) });
      serviceEvents.subscribe(queue);
      endpoints.addHandler({
        // Also finds those whose service went away while nobody looked.
        add: (object) => queue.addAfter(keyOf(object), BATCH_MS),
        update: (object) => queue.addAfter(keyOf(object), BATCH_MS),
        delete: (object) => queue.addAfter(keyOf(object), BATCH_MS),
      });
    },
    reconcile: (key, context) => reconciler.reconcile(key, context),
  };
}
