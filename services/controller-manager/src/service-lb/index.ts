/** Gives Services of type LoadBalancer a simulated address. */

import type { Service } from '@orrery/api/gen/types.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { Nodes, Services } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { OwnWrites } from '../own-writes.ts';
import { planLoadBalancer } from './plan.ts';
import { LoadBalancers } from './reconcile.ts';

export function serviceLoadBalancerController({ informers, events, clock }: ControllerContext): Controller {
  const services = informers.of(Services);
  const balancers = new LoadBalancers({
    services: new OwnWrites(services, clock),
    nodes: informers.of(Nodes).lister,
    events,
  });
  return {
    name: 'service-lb-controller',
    workers: 5,
    setup: (queue) => {
      const look = (service: Service): void => {
        if (planLoadBalancer(service).action !== 'none') queue.add(keyOf(service));
      };
      services.addHandler({ add: look, update: look });
    },
    reconcile: (key, context) => balancers.reconcile(key, context),
  };
}
