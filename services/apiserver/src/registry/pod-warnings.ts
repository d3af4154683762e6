/** Warnings about valid pods and templates (pkg/api/pod/warnings.go). */

import { BEHAVIOR_ANNOTATION, behaviorProblems } from '@orrery/api/behavior.ts';
import type { Container, PodSpec, PodTemplateSpec } from '@orrery/api/gen/types.ts';
import { milliValue } from '@orrery/api/quantity.ts';

const OLD_NODE_LABELS: Readonly<Record<string, { since: string; use: string }>> = {
  'beta.kubernetes.io/arch': { since: 'v1.14', use: 'kubernetes.io/arch' },
  'beta.kubernetes.io/os': { since: 'v1.14', use: 'kubernetes.io/os' },
  'beta.kubernetes.io/instance-type': { since: 'v1.17', use: 'node.kubernetes.io/instance-type' },
  'failure-domain.beta.kubernetes.io/region': { since: 'v1.17', use: 'topology.kubernetes.io/region' },
  'failure-domain.beta.kubernetes.io/zone': { since: 'v1.17', use: 'topology.kubernetes.io/zone' },
};

/**
 * Of a pod, or of the template at `path`: upstream's, and what is wrong with the behaviour that
 * the annotation gives the containers (docs/containers.md).
 */
export function podWarnings(pod: PodTemplateSpec | undefined, path = ''): string[] {
  if (pod?.spec === undefined) return [];
  const warnings = specWarnings(pod.spec, `${path}spec`);
  const names = ['initContainers', 'containers', 'ephemeralContainers'] as const;
  const containers = names.flatMap((key) => (pod.spec?.[key] ?? []).map(({ name }) => name));
  for (const problem of behaviorProblems(pod, containers))
    warnings.push(`${path}metadata.annotations[${BEHAVIOR_ANNOTATION}]: ${problem}`);
  return warnings;
}

function specWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const key in spec.nodeSelector) {
    const old = Object.hasOwn(OLD_NODE_LABELS, key) ? OLD_NODE_LABELS[key] : undefined;
    if (old !== undefined) {
      warnings.push(`${path}.nodeSelector[${key}]: deprecated since ${old.since}; use "${old.use}" instead`);
    }
  }
  for (const key of ['initContainers', 'containers'] as const) {
    for (const [index, container] of (spec[key] ?? []).entries()) {
      warnAboutContainer(container, `${path}.${key}[${index}]`, warnings);
    }
  }
  for (const [index, { name = '' }] of (spec.imagePullSecrets ?? []).entries()) {
    if (name === '') warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ""`);
  }
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    warnings.push(
      `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  }
  return warnings;
}

function warnAboutContainer({ env, ports, resources }: Container, path: string, warnings: string[]): void {
  for (const kind of ['limits', 'requests'] as const) {
    for (const name of ['ephemeral-storage', 'memory']) {
      const quantity = resources?.[kind]?.[name];
      if (quantity === undefined || milliValue(quantity) % 1000 === 0) continue;
      warnings.push(
        `${path}.resources.${kind}[${name}]: fractional byte value "${quantity}" is invalid, must be an integer`,
      );
    }
  }
  const names = new Set<string>();
  for (const [index, { name }] of (env ?? []).entries()) {
    if (names.has(name)) {
      warnings.push(
        `${path}.env[${index}]: hides previous definition of "${name}", which may be dropped when using apply`,
      );
    }
    names.add(name);
  }
  const firstByPort = new Map<string, number>();
  for (const [index, { containerPort, protocol, hostPort, hostIP, name }] of (ports ?? []).entries()) {
    const key = [protocol, containerPort, hostPort ?? 0, hostIP ?? '', name ?? ''].join('/');
    const first = firstByPort.get(key);
    if (first === undefined) firstByPort.set(key, index);
    else warnings.push(`${path}.ports[${index}]: duplicate port definition with ${path}.ports[${first}]`);
  }
}
