/**
 * Which events concern the mirror of which Endpoints. Whoever reads EndpointSlices only, such
 * as `kubectl describe service`, would not see the endpoints of a Service without selector.
 */

import type { EndpointSlice } from '@orrery/api/gen/types.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { EndpointSlices, EndpointsRef, Services } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { MANAGED_BY_LABEL } from '../endpoint-slice/plan.ts';
import { serviceKeyOf } from '../endpoint-slice/reconcile.ts';
import { type Index, indexed } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { MIRRORING_MANAGED_BY } from './plan.ts';
import { MirroringReconciler, selectsNothing } from './reconcile.ts';

/** Own writes come back as events; one look serves all within this time. */
const BATCH_MS = 500;

function isMirror({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === MIRRORING_MANAGED_BY;
}

const MIRRORS_BY_SERVICE: Index<EndpointSlice> = {
  name: 'mirroredService',
  values: (slice) => (isMirror(slice) ? [serviceKeyOf(slice)] : []),
};

export function endpointSliceMirroringController({
  informers,
  clock,
  events,
}: ControllerContext): Controller {
  const endpoints = informers.of(EndpointsRef);
  const services = informers.of(Services);
  const slices = informers.of(EndpointSlices);
  const reconciler = new MirroringReconciler({
    endpoints: endpoints.lister,
    services: services.lister,
    slices: new OwnWrites(slices, clock),
    slicesOf: indexed(slices, MIRRORS_BY_SERVICE),
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
      const enqueue = (slice: EndpointSlice): void => {
        if (isMirror(slice)) queue.addAfter(serviceKeyOf(slice), BATCH_MS);
      };
      slices.addHandler({
        // Also finds mirrors of what went away while nobody looked.
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
