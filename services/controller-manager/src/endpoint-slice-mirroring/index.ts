/**
 * Which events concern the mirror of which Endpoints. Whoever reads EndpointSlices only, such
 * as `kubectl describe service`, would not see the endpoints of a Service without selector.
 */

import { keyOf } from '@orrery/api/meta.ts';
import { EndpointsRef, Services } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { ServiceSlices } from '../service-endpoints/service-slices.ts';
import { MIRRORING_MANAGED_BY } from './plan.ts';
import { MirroringReconciler, selectsNothing } from './reconcile.ts';

export function endpointSliceMirroringController({
  informers,
  clock,
  events,
}: ControllerContext): Controller {
  const endpoints = informers.of(EndpointsRef);
  const services = informers.of(Services);
  const slices = new ServiceSlices({ informers, clock }, MIRRORING_MANAGED_BY);
  const reconciler = new MirroringReconciler({
    endpoints: endpoints.lister,
    services: services.lister,
    slices,
    events,
  });
  return {
    name: 'endpointslice-mirroring-controller',
    workers: 5,
    setup: (queue) => {
      endpoints.addHandler({
        add: (object) => queue.add(keyOf(object)),
        update: (object) => queue.add(keyOf(object)),
        delete: (object) => queue.add(keyOf(object)),
      });
      services.addHandler({
        add: (service) => queue.add(keyOf(service)),
        update: (service, before) => {
          if (selectsNothing(service) !== selectsNothing(before)) queue.add(keyOf(service));
        },
        delete: (service) => queue.add(keyOf(service)),
      });
      slices.subscribe(queue);
    },
    reconcile: (key, context) => reconciler.reconcile(key, context),
  };
}
