/** Warnings about valid pods and templates (pkg/api/pod/warnings.go). */

import { BEHAVIOR_ANNOTATION, behaviorProblems } from '@orrery/api/behavior.ts';
import type { PodSpec, PodTemplateSpec, Volume } from '@orrery/api/gen/types.ts';
import { claimSpecWarnings } from './claim-spec.ts';
import { containerWarnings, portWarnings, warnAboutFractions } from './container-warnings.ts';
import { deprecatedNodeLabel, nodeSelectorTermWarnings } from './node-labels.ts';
import { profileWarnings } from './pod-annotations.ts';
import { containersWithPaths } from './pod-containers.ts';
import { removedPluginWarning } from './volume-sources.ts';

/** Annotations of which only the memory is left. */
const OLD_ANNOTATIONS: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod':
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};

const MATCHES_NOTHING = 'a null labelSelector results in matching no pod';

/**
 * Of a pod, or of the template whose fields start with `path`: upstream's, and what is wrong with the behaviour
 * that the annotation gives the containers (docs/containers.md).
 */
export function podWarnings(pod: PodTemplateSpec | undefined, path = ''): string[] {
  if (pod?.spec === undefined) return [];
  const { metadata = {}, spec } = pod;
  const containers = containersWithPaths(spec, `${path}spec`);
  const warnings = specWarnings(metadata, spec, containers, path);
  const names = containers.map(([{ name }]) => name);
  for (const problem of behaviorProblems(pod, names))
    warnings.push(`${path}metadata.annotations[${BEHAVIOR_ANNOTATION}]: ${problem}`);
  return warnings;
}

type Metadata = NonNullable<PodTemplateSpec['metadata']>;

function specWarnings(
  metadata: Metadata,
  spec: PodSpec,
  containers: ReturnType<typeof containersWithPaths>,
  start: string,
): string[] {
  const path = `${start}spec`;
  const warnings = [
    ...nodeWarnings(spec, path),
    ...spreadWarnings(spec, path),
    ...annotationWarnings(metadata, start),
    ...volumeWarnings(spec.volumes ?? [], path),
    ...duplicateWarnings(spec, path),
  ];
  warnAboutFractions(spec.overhead, `${path}.overhead`, warnings);
  warnings.push(...profileWarnings({ metadata, spec }, start));
  for (const [container, at] of containers) warnings.push(...containerWarnings(container, at));
  warnings.push(...portWarnings(containers));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    const what = 'must be >= 0; negative values are invalid and will be treated as 1';
    warnings.push(`${path}.terminationGracePeriodSeconds: ${what}`);
  }
  return [...warnings, ...affinityWarnings(spec, path)];
}

/** Labels of nodes that are called something else today. */
function nodeWarnings({ nodeSelector, affinity }: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const key in nodeSelector) {
    const deprecated = deprecatedNodeLabel(key);
    if (deprecated !== undefined) warnings.push(`${path}.nodeSelector[${key}]: ${deprecated}`);
  }
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = `${path}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
  for (const [index, term] of (required?.nodeSelectorTerms ?? []).entries()) {
    warnings.push(...nodeSelectorTermWarnings(term, `${terms}[${index}]`));
  }
  const preferred = affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const [index, { preference }] of preferred.entries()) {
    const at = `${path}.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`;
    warnings.push(...nodeSelectorTermWarnings(preference, at));
  }
  return warnings;
}

function spreadWarnings({ topologySpreadConstraints = [] }: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const [index, { topologyKey, labelSelector }] of topologySpreadConstraints.entries()) {
    const at = `${path}.topologySpreadConstraints[${index}]`;
    const deprecated = deprecatedNodeLabel(topologyKey);
    if (deprecated !== undefined) warnings.push(`${at}.topologyKey: ${topologyKey} is ${deprecated}`);
    if (labelSelector === undefined) warnings.push(`${at}.labelSelector: ${MATCHES_NOTHING}`);
  }
  return warnings;
}

function annotationWarnings({ annotations }: Metadata, start: string): string[] {
  return Object.entries(OLD_ANNOTATIONS)
    .filter(([key]) => annotations?.[key] !== undefined)
    .map(([key, message]) => `${start}metadata.annotations[${key}]: ${message}`);
}

function volumeWarnings(volumes: readonly Volume[], path: string): string[] {
  const warnings: string[] = [];
  const tokenPaths = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const at = `${path}.volumes[${index}]`;
    if (volume.gitRepo !== undefined) warnings.push(`${at}.gitRepo: deprecated in v1.11`);
    const removed = removedPluginWarning(volume, at);
    if (removed !== undefined) warnings.push(removed);
    const claim = volume.ephemeral?.volumeClaimTemplate;
    if (claim !== undefined) {
      warnings.push(...claimSpecWarnings(claim.spec, `${at}.ephemeral.volumeClaimTemplate.spec`));
    }
    for (const { serviceAccountToken } of volume.projected?.sources ?? []) {
      if (serviceAccountToken !== undefined) tokenPaths.add(serviceAccountToken.path);
    }
  }
  return [...warnings, ...tokenPathWarnings(volumes, tokenPaths, path)];
}

/** Files that would lie where a token lies; upstream compares all volumes with each other. */
function tokenPathWarnings(
  volumes: readonly Volume[],
  tokenPaths: ReadonlySet<string>,
  path: string,
): string[] {
  if (tokenPaths.size === 0) return [];
  return volumes.flatMap(({ projected }, index) =>
    (projected?.sources ?? []).flatMap(({ configMap, secret, downwardAPI }) =>
      Object.entries({ configMap, secrets: secret, downwardAPI }).flatMap(([kind, source]) =>
        (source?.items ?? []).flatMap((item, at) =>
          tokenPaths.has(item.path)
            ? `${path}.volumes[${index}].projected.sources.${kind}[${at}]: has duplicated path with ServiceAccountToken ${JSON.stringify(item.path)}`
            : [],
        ),
      ),
    ),
  );
}

/** Entries of which only one counts. */
function duplicateWarnings({ hostAliases = [], imagePullSecrets = [] }: PodSpec, path: string): string[] {
  const secrets = imagePullSecrets.map(({ name = '' }) => name);
  return [
    ...repeated(hostAliases.map(({ ip }) => ip)).map(
      ([index, ip]) => `${path}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`,
    ),
    ...repeated(secrets).map(
      ([index, name]) => `${path}.imagePullSecrets[${index}].name: duplicate name ${JSON.stringify(name)}`,
    ),
    ...secrets.flatMap((name, index) =>
      name === '' ? `${path}.imagePullSecrets[${index}].name: invalid empty name ""` : [],
    ),
  ];
}

function repeated(values: readonly string[]): [index: number, value: string][] {
  const seen = new Set<string>();
  return [...values.entries()].filter(([, value]) => seen.size === seen.add(value).size);
}

function affinityWarnings({ affinity = {} }: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const at = `${path}.affinity.${kind}`;
    const { requiredDuringSchedulingIgnoredDuringExecution: required = [] } = affinity[kind] ?? {};
    for (const [index, { labelSelector }] of required.entries()) {
      if (labelSelector !== undefined) continue;
      const where = `${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}].labelSelector`;
      warnings.push(`${where}: ${MATCHES_NOTHING}`);
    }
    const { preferredDuringSchedulingIgnoredDuringExecution: preferred = [] } = affinity[kind] ?? {};
    for (const [index, { podAffinityTerm }] of preferred.entries()) {
      if (podAffinityTerm.labelSelector !== undefined) continue;
      const where = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm.labelSelector`;
      warnings.push(`${where}: ${MATCHES_NOTHING}`);
    }
  }
  return warnings;
}
