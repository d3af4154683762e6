/**
 * The resize subresource of pods: other amounts of cpu and memory for containers that run
 * (KEP-1287, `ValidatePodResize` of 1.34).
 */

import type { Container, Pod, PodSpec, ResourceRequirements } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { isSidecar } from './containers.ts';
import type { PartUpdate } from './definition.ts';
import { MIRROR_ANNOTATION } from './pod-annotations.ts';
import { qosClass } from '@orrery/api/qos-class.ts';

const RESIZABLE = new Set(['cpu', 'memory']);

type ContainerList = 'containers' | 'initContainers';

/** The stored containers with the resources and the resize policy that the request has in the same places. */
function resized(request: readonly Container[], stored: readonly Container[]): Container[] {
  return stored.map((container, index) => {
    const { name, resources, resizePolicy } = request[index]!;
    const next: Container = { ...container, name };
    delete next.resources;
    delete next.resizePolicy;
    if (resources !== undefined) next.resources = resources;
    if (resizePolicy !== undefined) next.resizePolicy = resizePolicy;
    return next;
  });
}

/** A request with more or fewer containers is kept as it is, for `checkResize` to refuse. */
function mergeResize(request: Pod, stored: Pod): Pod {
  const spec: PodSpec = { ...stored.spec };
  for (const key of ['containers', 'initContainers'] as const) {
    const [next, before] = [request.spec[key] ?? [], stored.spec[key] ?? []];
    if (next.length === 0 && before.length === 0) continue;
    spec[key] = next.length === before.length ? resized(next, before) : next;
  }
  return { ...stored, spec };
}

/** Why a pod cannot be resized at all. */
function unresizable({ metadata, spec }: Pod): string | undefined {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  if (Object.keys(requests).length + Object.keys(limits).length > 0) {
    return 'pods with pod-level resources cannot be resized';
  }
  if (metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) return 'static pods cannot be resized';
  return spec.os?.name === 'windows' ? 'windows pods cannot be resized' : undefined;
}

function checkResize(pod: Pod, stored: Pod): FieldError[] {
  const refusal = unresizable(stored);
  if (refusal !== undefined) return [field.forbidden('', refusal)];
  for (const key of ['containers', 'initContainers'] as const) {
    const misplaced = checkSameContainers(pod, stored, key);
    if (misplaced !== undefined) return [misplaced];
  }
  const errors: FieldError[] = [];
  if (qosClass(pod.spec) !== (stored.status?.qosClass ?? qosClass(stored.spec))) {
    const why = 'Pod QOS Class may not change as a result of resizing';
    errors.push(field.invalid('spec', stored.status?.qosClass ?? '', why));
  }
  if (!runsWhereResizeIsKnown(stored)) {
    errors.push(field.forbidden('spec', 'Pod running on node without support for resize'));
  }
  for (const [index, container] of (pod.spec.initContainers ?? []).entries()) {
    const before = stored.spec.initContainers![index]!;
    if (isSidecar(before)) {
      checkNothingRemoved(container, before, `spec.initContainers[${index}].resources`, errors);
      if (!differOnlyInSize(container, before)) {
        const why = 'only cpu and memory resources for sidecar containers are mutable';
        errors.push(field.forbidden('spec', why));
      }
    } else if (!jsonEqual(container, before)) {
      errors.push(field.forbidden('spec', 'resources for non-sidecar init containers are immutable'));
    }
  }
  for (const [index, container] of pod.spec.containers.entries()) {
    const before = stored.spec.containers[index]!;
    checkNothingRemoved(container, before, `spec.containers[${index}].resources`, errors);
    if (differOnlyInSize(container, before)) continue;
    errors.push(field.forbidden('spec', 'only cpu and memory resources are mutable'));
  }
  return errors;
}

function checkSameContainers(pod: Pod, stored: Pod, key: ContainerList): FieldError | undefined {
  const [next, before] = [pod.spec[key] ?? [], stored.spec[key] ?? []];
  if (next.length !== before.length) {
    return field.forbidden(`spec.${key}`, 'containers may not be added or removed on resize');
  }
  return next.every(({ name }, index) => name === before[index]!.name)
    ? undefined
    : field.forbidden(`spec.${key}`, 'containers may not be renamed or reordered on resize');
}

/** A kubelet that can resize reports the resources of what runs; before anything runs it is taken for granted. */
function runsWhereResizeIsKnown({ status }: Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

function checkNothingRemoved(
  { resources = {} }: Container,
  { resources: before = {} }: Container,
  path: string,
  errors: FieldError[],
): void {
  for (const [key, what] of [
    ['requests', 'resource requests'],
    ['limits', 'resource limits'],
  ] as const) {
    const kept = Object.keys(before[key] ?? {}).every((name) => resources[key]?.[name] !== undefined);
    if (!kept) errors.push(field.forbidden(`${path}.${key}`, `${what} cannot be removed`));
  }
}

/** Whether two containers are the same but for amounts of what can be resized. */
function differOnlyInSize(container: Container, before: Container): boolean {
  return jsonEqual(unsized(container), unsized(before));
}

function unsized(container: Container): object {
  const { resources = {}, ...rest } = container;
  return {
    ...rest,
    resources: {
      ...resources,
      requests: withoutResizable(resources, 'requests'),
      limits: withoutResizable(resources, 'limits'),
    },
  };
}

function withoutResizable(resources: ResourceRequirements, key: 'requests' | 'limits'): object {
  return Object.fromEntries(Object.entries(resources[key] ?? {}).filter(([name]) => !RESIZABLE.has(name)));
}

export const resizePart: PartUpdate<Pod> = { merge: mergeResize, validate: checkResize };
