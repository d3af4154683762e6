/** The informers of a process. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { type ResourceRef } from '@orrery/api/resources.ts';
import { qualifiedResource } from '@orrery/api/status-error.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { Client } from './client.ts';
import type { Informer, Informers } from './informer.ts';
import type { EventSource } from './nats.ts';
import { Reflector } from './reflector.ts';
import type { EventLog } from './session.ts';

export interface InformersOptions {
  client: Pick<Client, 'list'> & EventLog;
  events: EventSource;
  logger: Logger;
  /** Real time; replaced in tests. */
  clock?: Clock;
}

/** Makes the informers of a process. They share the client and the source of events, and close neither. */
export function createInformers({
  client,
  events,
  logger,
  clock = systemClock,
}: InformersOptions): Informers {
  const reflectors = new Map<string, Reflector<KubeObject>>();
  const all = (): Reflector<KubeObject>[] => [...reflectors.values()];
  return {
    of<T extends KubeObject>(resource: ResourceRef<T>): Informer<T> {
      const name = qualifiedResource(resource);
      let reflector = reflectors.get(name) as Reflector<T> | undefined;
      if (reflector === undefined) {
        reflector = new Reflector<T>({ resource, client, events, clock, logger });
        reflectors.set(name, reflector as unknown as Reflector<KubeObject>);
      }
      return reflector;
    },
    async start() {
      await Promise.all(all().map((each) => each.start()));
    },
    get synced() {
      return all().every((each) => each.synced);
    },
    stop() {
      for (const each of all()) each.stop();
      return Promise.resolve();
    },
  };
}
