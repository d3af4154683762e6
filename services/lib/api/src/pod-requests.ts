/** What pods ask for (k8s.io/component-helpers/resource). */

import type { Container, Pod, Quantity } from './gen/types.ts';
import { milliValue, wholeValue } from './quantity.ts';

/** Amounts by resource name; cpu in milli-units, everything else in whole units. */
export type Amounts = Map<string, number>;

function amountOf(name: string, quantity: Quantity): number {
  return name === 'cpu' ? milliValue(quantity) : wholeValue(quantity);
}

export function amountsOf(quantities: Readonly<Record<string, Quantity>> | undefined): Amounts {
  const amounts: Amounts = new Map();
  for (const name in quantities) amounts.set(name, amountOf(name, quantities[name]!));
  return amounts;
}

export function addAmounts(to: Amounts, amounts: Amounts): void {
  for (const [name, amount] of amounts) to.set(name, (to.get(name) ?? 0) + amount);
}

function raise(to: Amounts, amounts: Amounts): void {
  for (const [name, amount] of amounts) to.set(name, Math.max(to.get(name) ?? 0, amount));
}

/** What one container asks for. @throws RangeError when a request is not a quantity; validated pods never cause it. */
export function containerRequests(container: Container): Amounts {
  return amountsOf(container.resources?.requests);
}

/** Pod-level requests take the place of the containers' only for these resources (KEP-2837). */
function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/**
 * What a pod holds at its widest moment (k8s.io/component-helpers/resource, PodRequests):
 * all containers and sidecars at once, or one init container beside the sidecars started
 * before it, whichever is more; plus the overhead of its runtime class.
 */
export function podAmounts(
  { spec }: Pod,
  requestsOf: (container: Container) => Amounts = containerRequests,
): Amounts {
  const total: Amounts = new Map();
  for (const container of spec.containers) addAmounts(total, requestsOf(container));
  if (spec.initContainers !== undefined) {
    const sidecars: Amounts = new Map();
    const widestInit: Amounts = new Map();
    for (const container of spec.initContainers) {
      const requests = requestsOf(container);
      if (container.restartPolicy === 'Always') {
        addAmounts(total, requests);
        addAmounts(sidecars, requests);
        raise(widestInit, sidecars);
      } else {
        addAmounts(requests, sidecars);
        raise(widestInit, requests);
      }
    }
    raise(total, widestInit);
  }
  for (const [name, amount] of amountsOf(spec.resources?.requests)) {
    if (isPodLevelResource(name)) total.set(name, amount);
  }
  if (spec.overhead !== undefined) addAmounts(total, amountsOf(spec.overhead));
  return total;
}
