/** Counts what quotas are about (pkg/controller/resourcequota): the apiserver's charges only go up, and this brings them back to what is there. */

import type { NamespacedObject, ResourceQuota } from '@orrery/api/gen/types.ts';
import { isBeingDeleted, keyOf } from '@orrery/api/meta.ts';
import { isCountable, usageIn } from '@orrery/api/quota-usage.ts';
import * as allResources from '@orrery/api/resources.ts';
import { type ResourceRef, ResourceQuotas } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import { isGone } from '../api-errors.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { isOtherUsage, quotaStatus } from './plan.ts';

/**
 * How long a quota has to be as it is before its usage is lowered, in milliseconds of real time. What
 * was charged until then is in the caches by now, or was never written; what is charged from then
 * on is another change of the quota, so that the write of this look is refused.
 */
export const LAG_MS = 250;

/** How often everything is counted anew, on the cluster's clock (ResourceQuotaSyncPeriod). */
const RESYNC_MS = 5 * 60_000;

const COUNTED = Object.values<unknown>(allResources)
  .filter((each): each is ResourceRef<NamespacedObject> => typeof each === 'object')
  .filter(isCountable);

export function resourceQuotaController(
  { informers }: ControllerContext,
  realClock: Clock = systemClock,
): Controller {
  const quotas = informers.of(ResourceQuotas);
  /** When each quota was last seen to change, by its uid. */
  const changedAtMs = new Map<string, number>();

  const setup = (queue: KeyQueue): void => {
    const look = (quota: ResourceQuota): void => {
      changedAtMs.set(quota.metadata.uid, realClock.now());
      queue.add(keyOf(quota));
    };
    // An update may be a charge for something that was not written in the end.
    quotas.addHandler({
      add: look,
      update: look,
      delete: ({ metadata }) => changedAtMs.delete(metadata.uid),
    });
    for (const resource of COUNTED) {
      informers.of(resource).addHandler({
        update: (object, before) => {
          for (const quota of quotas.lister.list(object.metadata.namespace)) {
            if (isOtherUsage(usageIn(quota, resource, object), usageIn(quota, resource, before))) {
              queue.add(keyOf(quota));
            }
          }
        },
        delete: ({ metadata }) => {
          for (const quota of quotas.lister.list(metadata.namespace)) queue.add(keyOf(quota));
        },
      });
    }
  };

  return {
    name: 'resourcequota-controller',
    workers: 5,
    setup,
    reconcile: async (key, { client }) => {
      const quota = quotas.lister.get(key);
      if (quota === undefined || isBeingDeleted(quota)) return {};
      // Until it is counted for the first time it refuses everything, so there is nothing to wait for.
      const isCounted = quota.status?.used !== undefined;
      const quietAtMs = (changedAtMs.get(quota.metadata.uid) ?? 0) + LAG_MS;
      if (isCounted) await realClock.sleep(Math.max(0, quietAtMs - realClock.now()));
      const { namespace } = quota.metadata;
      const objects = COUNTED.map(
        (resource) => [resource, informers.of(resource).lister.list(namespace)] as const,
      );
      const status = quotaStatus(quota, objects);
      if (!semanticallyEqual(status, quota.status)) {
        try {
          await client.updateStatus(ResourceQuotas, { ...quota, status });
        } catch (error) {
          // It has changed meanwhile, or gone: that event brings the next look.
          if (!isGone(error)) throw error;
        }
      }
      return { requeueAfterMs: RESYNC_MS };
    },
  };
}
