/** All I/O of the controller of load balancers (cloud-provider/controllers/service/controller.go). */

import type { LoadBalancerStatus, Node, Service } from '@orrery/api/gen/types.ts';
import { Services } from '@orrery/api/resources.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { ReconcileContext } from '@orrery/controller/controller.ts';
import { isGone, isOutage } from '../api-errors.ts';
import type { OwnWrites } from '../own-writes.ts';
import { findCondition } from '../conditions.ts';
import { CLEANUP_FINALIZER, hasCleanupFinalizer, planLoadBalancer } from './plan.ts';

export interface LoadBalancerOptions {
  services: OwnWrites<Service>;
  nodes: Pick<Lister<Node>, 'list'>;
  events: EventRecorder;
}

const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

function takesTraffic({ metadata, status }: Node): boolean {
  return (
    metadata.labels?.[EXCLUDED_LABEL] === undefined &&
    findCondition(status?.conditions, 'Ready')?.status === 'True'
  );
}

export class LoadBalancers {
  readonly #options: LoadBalancerOptions;

  constructor(options: LoadBalancerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, { client }: ReconcileContext): Promise<void> {
    const { services, events } = this.#options;
    const service = services.get(key);
    if (service === undefined) return;
    const subject = { resource: Services, object: service };
    const failed = (why: string): void =>
      events.warning(subject, 'SyncLoadBalancerFailed', `Error syncing load balancer: ${why}`);
    const plan = planLoadBalancer(service);
    try {
      switch (plan.action) {
        case 'ensure':
          return await this.#ensure(client, service, plan.ip);
        case 'delete':
          return await this.#delete(client, service);
        case 'fail':
          failed(`failed to ensure load balancer: ${plan.why}`);
          return;
        case 'none':
      }
    } catch (error) {
      // Somebody was faster, and what he wrote comes with an event; or nobody answers, which is no matter of the Service.
      if (isGone(error)) return;
      if (!isOutage(error)) failed(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** The finalizer first: from then on the Service cannot go without its load balancer. */
  async #ensure(client: Client, service: Service, ip: string): Promise<void> {
    const { events, nodes } = this.#options;
    const subject = { resource: Services, object: service };
    events.normal(subject, 'EnsuringLoadBalancer', 'Ensuring load balancer');
    const held = hasCleanupFinalizer(service)
      ? service
      : await this.#setFinalizers(client, service, [
          ...(service.metadata.finalizers ?? []),
          CLEANUP_FINALIZER,
        ]);
    if (!nodes.list().some(takesTraffic)) {
      const message = 'There are no available nodes for LoadBalancer';
      events.warning(subject, 'UnAvailableLoadBalancer', message);
    }
    await this.#setStatus(client, held, { ingress: [{ ip, ipMode: 'VIP' }] });
    events.normal(subject, 'EnsuredLoadBalancer', 'Ensured load balancer');
  }

  /** The address first: without its finalizer the Service may be gone at once. */
  async #delete(client: Client, service: Service): Promise<void> {
    const { events } = this.#options;
    const subject = { resource: Services, object: service };
    events.normal(subject, 'DeletingLoadBalancer', 'Deleting load balancer');
    const freed =
      (service.status?.loadBalancer?.ingress ?? []).length === 0
        ? service
        : await this.#setStatus(client, service, {});
    const finalizers = freed.metadata.finalizers?.filter((each) => each !== CLEANUP_FINALIZER) ?? [];
    await this.#setFinalizers(client, freed, finalizers);
    events.normal(subject, 'DeletedLoadBalancer', 'Deleted load balancer');
  }

  async #setFinalizers(client: Client, service: Service, finalizers: string[]): Promise<Service> {
    const metadata = { ...service.metadata, finalizers };
    return this.#wrote(await client.update(Services, { ...service, metadata }));
  }

  async #setStatus(client: Client, service: Service, loadBalancer: LoadBalancerStatus): Promise<Service> {
    const status = { ...service.status, loadBalancer };
    return this.#wrote(await client.updateStatus(Services, { ...service, status }));
  }

  #wrote(service: Service): Service {
    this.#options.services.wrote(service);
    return service;
  }
}
