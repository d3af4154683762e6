import type { Service } from '@orrery/api/gen/types.ts';
import { Nodes, Services } from '@orrery/api/resources.ts';
import { conflict, serviceUnavailable } from '@orrery/api/status-error.ts';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { ControllerUnderTest, settle } from '../test-support/controller-under-test.ts';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { node, service } from '../test-support/objects.ts';
import { serviceLoadBalancerController } from './index.ts';
import { planLoadBalancer } from './plan.ts';

const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

const balanced = (parts: Partial<Service['spec']> = {}, metadata = {}): Service =>
  service({ type: 'LoadBalancer', clusterIP: '10.96.4.7', ...parts }, metadata);

let cluster: FakeCluster;
let controllers: ControllerUnderTest[];

beforeEach(() => {
  cluster = new FakeCluster();
  cluster.seed(Nodes, node('node-1', 'True'));
  controllers = [new ControllerUnderTest(cluster, serviceLoadBalancerController)];
});

const current = (): Service => cluster.get(Services, 'default/web');

describe('a Service of type LoadBalancer', () => {
  it('gets a finalizer, an address of its own, and events that say so', async () => {
    cluster.seed(Services, balanced());
    await settle(controllers);
    expect(current().metadata.finalizers).toEqual([FINALIZER]);
    expect(current().status?.loadBalancer).toEqual({ ingress: [{ ip: '198.18.4.7', ipMode: 'VIP' }] });
    expect(cluster.events).toEqual([
      'Normal web EnsuringLoadBalancer: Ensuring load balancer',
      'Normal web EnsuredLoadBalancer: Ensured load balancer',
    ]);
  });

  it('is left alone when it is as it should be', async () => {
    cluster.seed(Services, balanced());
    await settle(controllers);
    const writes = cluster.writes.length;
    cluster.change(Services, 'default/web', ({ metadata }) => (metadata.labels = { a: 'b' }));
    await settle(controllers);
    expect(cluster.writes).toHaveLength(writes);
  });

  it('gives its address back with its type', async () => {
    cluster.seed(Services, balanced());
    await settle(controllers);
    cluster.change(Services, 'default/web', ({ spec }) => (spec.type = 'NodePort'));
    await settle(controllers);
    expect(current().metadata.finalizers ?? []).toEqual([]);
    expect(current().status?.loadBalancer).toEqual({});
    expect(cluster.events.slice(-2)).toEqual([
      'Normal web DeletingLoadBalancer: Deleting load balancer',
      'Normal web DeletedLoadBalancer: Deleted load balancer',
    ]);
  });

  it('goes when its load balancer has gone', async () => {
    cluster.seed(Services, balanced());
    await settle(controllers);
    await cluster.client.delete(Services, { namespace: 'default', name: 'web' });
    expect(cluster.all(Services)).toHaveLength(1);
    await settle(controllers);
    expect(cluster.all(Services)).toEqual([]);
  });

  it('is told that no node takes its traffic', async () => {
    cluster.change(Nodes, 'node-1', ({ metadata }) => {
      metadata.labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
    });
    cluster.seed(Services, balanced());
    await settle(controllers);
    expect(cluster.events).toContain(
      'Warning web UnAvailableLoadBalancer: There are no available nodes for LoadBalancer',
    );
    expect(current().status?.loadBalancer?.ingress).toHaveLength(1);
  });

  it('without an address of which one could be made is told why', async () => {
    cluster.seed(Services, balanced({ clusterIP: '' }));
    await settle(controllers);
    expect(cluster.events).toEqual([
      'Warning web SyncLoadBalancerFailed: Error syncing load balancer: failed to ensure load balancer: the service has no cluster IP',
    ]);
  });

  const faults = [0, 1].flatMap((index) => [[index, 'before'] as const, [index, 'after'] as const]);

  test.each(faults)('comes to the same when write %i is lost, %s it', async (fatal, when) => {
    cluster.fault = (_write, index) =>
      index === fatal ? { error: serviceUnavailable('away'), when } : undefined;
    cluster.seed(Services, balanced());
    await settle(controllers);
    expect(current().metadata.finalizers).toEqual([FINALIZER]);
    expect(current().status?.loadBalancer?.ingress).toHaveLength(1);
    expect(cluster.events.filter((each) => each.includes('Failed'))).toEqual([]);
  });

  it('that somebody else changes meanwhile is looked at again', async () => {
    cluster.fault = (_write, index) =>
      index === 0 ? { error: conflict(Services, 'web', 'changed'), when: 'before' } : undefined;
    cluster.seed(Services, balanced());
    await settle(controllers);
    cluster.change(Services, 'default/web', ({ metadata }) => (metadata.labels = { a: 'b' }));
    await settle(controllers);
    expect(current().status?.loadBalancer?.ingress).toHaveLength(1);
  });
});

describe('what is to be done', () => {
  const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' };

  test.each<[string, Service, string]>([
    ['another type', service({ type: 'ClusterIP' }), 'none'],
    ['a class of its own', balanced({ loadBalancerClass: 'example.com/lb' }), 'none'],
    [
      'a class of its own, with a finalizer that its controller set',
      balanced({ loadBalancerClass: 'example.com/lb' }, { finalizers: [FINALIZER], ...leaving }),
      'none',
    ],
    ['on its way out, before it had a load balancer', balanced({}, leaving), 'none'],
    ['on its way out', balanced({}, { finalizers: [FINALIZER], ...leaving }), 'delete'],
    ['an address without a finalizer', { ...balanced(), status: {} }, 'ensure'],
    [
      'the address of an earlier ClusterIP',
      {
        ...balanced({}, { finalizers: [FINALIZER] }),
        status: { loadBalancer: { ingress: [{ ip: '198.18.0.9' }] } },
      },
      'ensure',
    ],
  ])('for one with %s', (_what, object, action) => {
    expect(planLoadBalancer(object).action).toBe(action);
  });
});
