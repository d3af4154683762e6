/** What pods ask for (k8s.io/component-helpers/resource). */

import type { Container, Pod, PodSpec, Quantity } from './gen/types.ts';
import { fromBytes, fromMilli, milliValue, wholeValue } from './quantity.ts';

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

/** An amount in canonical form. */
export function amountText(name: string, amount: number): Quantity {
  return name === 'cpu' ? fromMilli(amount) : fromBytes(amount);
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

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

/** Pods as a whole ask only for these resources; their amounts take the place of the containers' (KEP-2837). */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || isHugePages(name);
}

/**
 * What the containers of a pod come to at its widest moment: all containers and sidecars at once,
 * or one init container beside the sidecars started before it, whichever is more.
 */
function widest(
  { containers, initContainers }: PodSpec,
  amountsOf: (container: Container) => Amounts,
): Amounts {
  const total: Amounts = new Map();
  for (const container of containers) addAmounts(total, amountsOf(container));
  if (initContainers === undefined) return total;
  const sidecars: Amounts = new Map();
  const widestInit: Amounts = new Map();
  for (const container of initContainers) {
    const amounts = amountsOf(container);
    if (container.restartPolicy === 'Always') {
      addAmounts(total, amounts);
      addAmounts(sidecars, amounts);
      raise(widestInit, sidecars);
    } else {
      addAmounts(amounts, sidecars);
      raise(widestInit, amounts);
    }
  }
  raise(total, widestInit);
  return total;
}

/** What the containers of a pod ask for, whatever the pod as a whole does (AggregateContainerRequests). */
export function containersRequests(spec: PodSpec): Amounts {
  return widest(spec, containerRequests);
}

function takePodLevel(total: Amounts, quantities: Readonly<Record<string, Quantity>> | undefined): void {
  for (const [name, amount] of amountsOf(quantities)) {
    if (isPodLevelResource(name)) total.set(name, amount);
  }
}

/** What a pod asks for, with the overhead of its runtime class (PodRequests). */
export function podAmounts(
  { spec }: Pod,
  requestsOf: (container: Container) => Amounts = containerRequests,
): Amounts {
  const total = widest(spec, requestsOf);
  takePodLevel(total, spec.resources?.requests);
  if (spec.overhead !== undefined) addAmounts(total, amountsOf(spec.overhead));
  return total;
}

/** What a pod may use: the overhead counts only where there is a limit (PodLimits). */
export function podLimits({ spec }: Pod): Amounts {
  const total = widest(spec, ({ resources }) => amountsOf(resources?.limits));
  takePodLevel(total, spec.resources?.limits);
  for (const [name, amount] of amountsOf(spec.overhead)) {
    const limit = total.get(name);
    if (limit !== undefined) total.set(name, limit + amount);
  }
  return total;
}
