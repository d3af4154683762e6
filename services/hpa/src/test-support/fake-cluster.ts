/** The controller's surroundings in memory: caches that show writes at once, and a log of what was done. */

import type {
  Deployment,
  HorizontalPodAutoscaler,
  KubeObject,
  Pod,
  ReplicationController,
} from '@orrery/api/gen/types.ts';
import { keyOf, objectKey } from '@orrery/api/meta.ts';
import {
  Deployments,
  HorizontalPodAutoscalers,
  Pods,
  ReplicationControllers,
  type ResourceRef,
} from '@orrery/api/resources.ts';
import type { ObjectName } from '@orrery/client/client.ts';
import { IndexedCache } from '@orrery/client/indexed-cache.ts';
import type { EventHandler } from '@orrery/client/informer.ts';
import { LocalBroker } from '@orrery/client/test-support/local-broker.ts';
import type { ReconcileContext } from '@orrery/controller/controller.ts';
import type { LeaderContext } from '@orrery/controller/leader-service.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { NOW_MS } from './pods.ts';

type Status = HorizontalPodAutoscaler['status'];

interface Watched {
  cache: IndexedCache<KubeObject>;
  handlers: Set<EventHandler<KubeObject>>;
}

const meta = { resourceVersion: '1', creationTimestamp: '', namespace: 'default' };

export class FakeCluster {
  readonly clock = new ManualClock(NOW_MS);
  readonly broker = new LocalBroker();
  /** `reason: message` of every event. */
  readonly events: string[] = [];
  readonly scaled: { resource: string; name: string; replicas: number }[] = [];
  statusWrites = 0;
  /** The next scaling fails with it. */
  scaleError: Error | undefined;
  readonly #resources = new Map<string, Watched>();

  readonly #client = {
    updateScale: (
      resource: ResourceRef,
      { namespace, name }: ObjectName,
      replicas: number,
    ): Promise<void> => {
      if (this.scaleError !== undefined) return Promise.reject(this.scaleError);
      this.scaled.push({ resource: resource.resource, name, replicas });
      const object = this.#of(resource).cache.get(objectKey(namespace, name)) as Deployment;
      this.put<Deployment>(resource, { ...object, spec: { ...object.spec, replicas } });
      return Promise.resolve();
    },
    patch: (
      resource: ResourceRef,
      name: ObjectName,
      _type: string,
      patch: { status: Record<string, unknown> },
    ) => {
      this.statusWrites += 1;
      const object = this.#of(resource).cache.get(
        objectKey(name.namespace, name.name),
      ) as HorizontalPodAutoscaler;
      const merged = Object.entries({ ...object.status, ...patch.status }).filter(
        ([, value]) => value !== null,
      );
      this.put<HorizontalPodAutoscaler>(resource, {
        ...object,
        status: Object.fromEntries(merged) as unknown as NonNullable<Status>,
      });
      return Promise.resolve(object);
    },
  };

  readonly context = {
    client: this.#client,
    informers: {
      of: (resource: ResourceRef) => {
        const { cache, handlers } = this.#of(resource);
        return {
          resource,
          lister: cache,
          addHandler: (handler: EventHandler<KubeObject>) => void handlers.add(handler),
        };
      },
    },
    broker: this.broker,
    clock: this.clock,
    logger: silentLogger(),
    recorder: () => ({ normal: this.#record, warning: this.#record }),
  } as unknown as LeaderContext;

  readonly reconcileContext = {
    reconcileId: 'r',
    logger: silentLogger(),
    client: this.#client,
  } as unknown as ReconcileContext;

  put<T extends KubeObject>(resource: ResourceRef, object: T): void {
    const { cache, handlers } = this.#of(resource);
    const before = cache.replace(keyOf(object), object);
    for (const handler of handlers) {
      if (before === undefined) handler.add?.(object);
      else handler.update?.(object, before);
    }
  }

  remove(resource: ResourceRef, key: string): void {
    const { cache, handlers } = this.#of(resource);
    const before = cache.replace(key, undefined);
    if (before !== undefined) for (const handler of handlers) handler.delete?.(before);
  }

  deployment(name: string, replicas: number, app = 'web'): void {
    const object: Deployment = {
      metadata: { ...meta, name, uid: name },
      spec: { replicas, selector: { matchLabels: { app } }, template: {} },
    };
    this.put(Deployments, object);
  }

  replicationController(name: string, replicas: number, selector: Record<string, string>): void {
    const object: ReplicationController = {
      metadata: { ...meta, name, uid: name },
      spec: { replicas, selector },
    };
    this.put(ReplicationControllers, object);
  }

  autoscaler(name: string, spec: Partial<HorizontalPodAutoscaler['spec']> = {}): void {
    const object: HorizontalPodAutoscaler = {
      metadata: { ...meta, name, uid: name },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        maxReplicas: 10,
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
          },
        ],
        ...spec,
      },
    };
    this.put(HorizontalPodAutoscalers, object);
  }

  pods(...pods: Pod[]): void {
    for (const each of pods) this.put(Pods, each);
  }

  status(name: string): NonNullable<Status> {
    const found = this.#of(HorizontalPodAutoscalers).cache.get(
      objectKey('default', name),
    ) as HorizontalPodAutoscaler;
    return found.status!;
  }

  /** `Type=Status Reason` of a condition. */
  condition(name: string, type: string): string | undefined {
    const found = this.status(name).conditions?.find((each) => each.type === type);
    return found === undefined ? undefined : `${found.status} ${found.reason}`;
  }

  readonly #record = (_subject: unknown, reason: string, message: string): void => {
    this.events.push(`${reason}: ${message}`);
  };

  #of({ group, resource }: ResourceRef): Watched {
    const name = `${group}/${resource}`;
    let watched = this.#resources.get(name);
    if (watched === undefined)
      this.#resources.set(name, (watched = { cache: new IndexedCache(), handlers: new Set() }));
    return watched;
  }
}
