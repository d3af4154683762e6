/** What a quota's status should say. Pure. */

import type { NamespacedObject, ResourceQuota, ResourceQuotaStatus } from '@orrery/api/gen/types.ts';
import { type Usage, usageIn, usageText } from '@orrery/api/quota-usage.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';

/** The limits as they are, and what `objects` of the quota's namespace use of each. */
export function quotaStatus(
  quota: ResourceQuota,
  objects: Iterable<readonly [ResourceRef<NamespacedObject>, readonly NamespacedObject[]]>,
): ResourceQuotaStatus {
  const hard = quota.spec?.hard ?? {};
  const sums = new Map(Object.keys(hard).map((name) => [name, 0]));
  for (const [resource, each] of objects) {
    for (const object of each) {
      for (const [name, milli] of usageIn(quota, resource, object)) {
        const sum = sums.get(name);
        if (sum !== undefined) sums.set(name, sum + milli);
      }
    }
  }
  const used = Object.fromEntries([...sums].map(([name, milli]) => [name, usageText(name, milli)]));
  return { hard: { ...hard }, used };
}

/** Whether a change of an object changes what it uses. */
export function isOtherUsage(a: Usage, b: Usage): boolean {
  return a.size !== b.size || [...a].some(([name, milli]) => b.get(name) !== milli);
}
