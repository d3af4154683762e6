/** In-place resize of containers (KEP-1287; pkg/kubelet/allocation, kuberuntime_manager.go computePodResizeAction). Pure. */

import type { Container as ContainerSpec, Pod, ResourceRequirements } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import type { Amounts } from '@orrery/api/pod-requests.ts';
import type { Container } from '../runtime/runtime.ts';
import { resourceLimits } from './container-config.ts';
import { isSidecar } from './restart-policy.ts';

type Sized = Pick<Container, 'limits'>;

/** Whether a container runs with other limits than it has been allocated. */
export function limitsDiffer(spec: ContainerSpec, { limits }: Sized): boolean {
  const wanted = resourceLimits(spec.resources);
  return wanted.cpuLimitMilli !== limits.cpuLimitMilli || wanted.memoryLimitBytes !== limits.memoryLimitBytes;
}

/** Whether one of the limits that differ changes only with a restart (resizePolicy). */
export function resizeNeedsRestart(spec: ContainerSpec, { limits }: Sized): boolean {
  if (spec.resizePolicy === undefined) return false;
  const wanted = resourceLimits(spec.resources);
  const restarts = (resource: string): boolean =>
    spec.resizePolicy?.some(
      (each) => each.resourceName === resource && each.restartPolicy === 'RestartContainer',
    ) === true;
  return (
    (wanted.cpuLimitMilli !== limits.cpuLimitMilli && restarts('cpu')) ||
    (wanted.memoryLimitBytes !== limits.memoryLimitBytes && restarts('memory'))
  );
}

/** What each container of a pod has been allocated, where that is not (yet) what its spec says. */
export type Allocation = ReadonlyMap<string, ResourceRequirements>;

function resizable({ spec }: Pod): ContainerSpec[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** What the containers of `before` had, where `after` wants something else; undefined when nothing differs. */
export function allocationBefore(before: Pod, after: Pod): Allocation | undefined {
  if (before.spec === after.spec) return undefined;
  const wanted = new Map(resizable(after).map(({ name, resources }) => [name, resources ?? {}]));
  const differing = resizable(before)
    .filter(({ name, resources = {} }) => !jsonEqual(resources, wanted.get(name) ?? resources))
    .map(({ name, resources = {} }) => [name, resources] as const);
  return differing.length === 0 ? undefined : new Map(differing);
}

/** What a pod that ran before this process began had been allocated: as its status says. */
export function allocationReported(pod: Pod): Allocation | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const statuses = [...initContainerStatuses, ...containerStatuses];
  const differing = resizable(pod).flatMap(({ name, resources = {} }) => {
    const had = statuses.find((each) => each.name === name)?.resources;
    return had === undefined || jsonEqual(had, resources) ? [] : [[name, had] as const];
  });
  return differing.length === 0 ? undefined : new Map(differing);
}

/** The pod with the resources that its containers have been allocated in the place of those wanted. */
export function withAllocation(pod: Pod, allocation: Allocation | undefined): Pod {
  if (allocation === undefined) return pod;
  const allocated = (container: ContainerSpec): ContainerSpec => {
    const resources = allocation.get(container.name);
    return resources === undefined ? container : { ...container, resources };
  };
  const { initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: pod.spec.containers.map(allocated),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(allocated) }),
    },
  };
}

/** Why a resize waits. */
export interface ResizePending {
  reason: 'Deferred' | 'Infeasible';
  message: string;
}

const RESIZABLE = ['cpu', 'memory'] as const;

/**
 * Whether a node has room for what a pod wants now: undefined when it has. `used`: what its other
 * pods have been allocated.
 */
export function resizeVerdict(
  wanted: Amounts,
  used: Amounts,
  allocatable: Amounts,
): ResizePending | undefined {
  const of = (amounts: Amounts, resource: string): number => amounts.get(resource) ?? 0;
  for (const resource of RESIZABLE) {
    const [requested, capacity] = [of(wanted, resource), of(allocatable, resource)];
    if (requested <= capacity) continue;
    const message = `Node didn't have enough capacity: ${resource}, requested: ${requested}, capacity: ${capacity}`;
    return { reason: 'Infeasible', message };
  }
  for (const resource of RESIZABLE) {
    const [requested, capacity] = [of(wanted, resource), of(allocatable, resource)];
    const taken = of(used, resource);
    if (requested + taken <= capacity) continue;
    const message = `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${taken}, capacity: ${capacity}`;
    return { reason: 'Deferred', message };
  }
  return undefined;
}

/** What an event says of a resize (pkg/kubelet/events/resize.go). `error`: why it waits. */
export function resizeMessage(what: string, pod: Pod, error?: string): string {
  const summary = ({ name, resources }: ContainerSpec) => ({
    name,
    resources: { limits: resources?.limits, requests: resources?.requests },
  });
  const sidecars = pod.spec.initContainers?.filter(isSidecar).map(summary) ?? [];
  const details = {
    ...(sidecars.length === 0 ? {} : { initContainers: sidecars }),
    containers: pod.spec.containers.map(summary),
    generation: pod.metadata.generation,
    ...(error === undefined ? {} : { error }),
  };
  return `Pod resize ${what}: ${JSON.stringify(details)}`;
}
