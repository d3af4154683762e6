/** Amounts of resources as plain numbers (pkg/scheduler/framework/types.go, Resource). */

import type { Container, Pod, Quantity } from '@orrery/api/gen/types.ts';
import { type Amounts, amountsOf, containerRequests, podAmounts } from '@orrery/api/pod-requests.ts';

/** Cluster-wide unique names such as `example.com/gpu`, and hugepages, in whole units. */
type ExtendedResources = ReadonlyMap<string, number>;

/** What a pod asks for or a node has. */
export interface Resources {
  readonly milliCpu: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  /** Undefined when there are none, which is nearly always. */
  readonly extended: ExtendedResources | undefined;
}

/** The requests of a pod: exact for the fit, with defaults for the scores. */
export interface PodRequests {
  readonly exact: Resources;
  /** Containers that ask for nothing count as 100m cpu and 200Mi of memory (pkg/scheduler/util/pod_resources.go). */
  readonly scoring: ScoringRequests;
}

export interface ScoringRequests {
  readonly milliCpu: number;
  readonly memoryBytes: number;
}

/** What a container without a request counts as in scores, so that such pods spread as well. */
const DEFAULT_MILLI_CPU = 100;
const DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024;

function scoringRequests(container: Container): Amounts {
  const amounts = containerRequests(container);
  if (!amounts.has('cpu')) amounts.set('cpu', DEFAULT_MILLI_CPU);
  if (!amounts.has('memory')) amounts.set('memory', DEFAULT_MEMORY_BYTES);
  return amounts;
}

const NATIVE = new Set(['cpu', 'memory', 'ephemeral-storage', 'pods']);

function toResources(amounts: Amounts): Resources {
  let extended: Map<string, number> | undefined;
  for (const [name, amount] of amounts) {
    if (!NATIVE.has(name)) (extended ??= new Map()).set(name, amount);
  }
  return {
    milliCpu: amounts.get('cpu') ?? 0,
    memoryBytes: amounts.get('memory') ?? 0,
    ephemeralStorageBytes: amounts.get('ephemeral-storage') ?? 0,
    extended,
  };
}

/** @throws RangeError when a request is not a quantity; validated pods never cause it. */
export function podRequests(pod: Pod): PodRequests {
  const scoring = podAmounts(pod, scoringRequests);
  return {
    exact: toResources(podAmounts(pod)),
    scoring: { milliCpu: scoring.get('cpu') ?? 0, memoryBytes: scoring.get('memory') ?? 0 },
  };
}

/** What a node offers to pods; nothing that its status does not name. */
export interface Allocatable extends Resources {
  readonly pods: number;
}

export function allocatableOf(quantities: Readonly<Record<string, Quantity>> | undefined): Allocatable {
  const amounts = amountsOf(quantities);
  return { ...toResources(amounts), pods: amounts.get('pods') ?? 0 };
}

/** True when `after` has more of anything than `before`: pods that did not fit may fit now. */
export function hasGrown(before: Allocatable, after: Allocatable): boolean {
  if (
    after.pods > before.pods ||
    after.milliCpu > before.milliCpu ||
    after.memoryBytes > before.memoryBytes ||
    after.ephemeralStorageBytes > before.ephemeralStorageBytes
  ) {
    return true;
  }
  for (const [name, amount] of after.extended ?? []) {
    if (amount > (before.extended?.get(name) ?? 0)) return true;
  }
  return false;
}
