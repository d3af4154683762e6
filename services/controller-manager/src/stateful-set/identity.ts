/** Who the pods of a StatefulSet are: names, ordinals, claims (pkg/controller/statefulset/stateful_set_utils.go). Pure. */

import type {
  Draft,
  OwnerReference,
  PersistentVolumeClaim,
  Pod,
  PodTemplateSpec,
  StatefulSet,
} from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { controllerReference } from '@orrery/api/meta.ts';
import { Pods, StatefulSets } from '@orrery/api/resources.ts';
import { podFromTemplate } from '../pod-control/pod-template.ts';
import { REVISION_HASH_LABEL } from '../revision-history/revisions.ts';

export const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
export const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';

/** Ordinals from `first` up to, not including, `end`. */
export interface OrdinalRange {
  readonly first: number;
  readonly end: number;
}

export function ordinalsOf({ spec }: StatefulSet): OrdinalRange {
  const first = spec.ordinals?.start ?? 0;
  return { first, end: first + (spec.replicas ?? 1) };
}

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

/** The ordinal in the name of a pod of this set; undefined for pods of other names. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const { name } = pod.metadata;
  if (!name.startsWith(prefix)) return undefined;
  const text = name.slice(prefix.length);
  return /^(?:0|[1-9]\d{0,8})$/.test(text) ? Number(text) : undefined;
}

/** The name of the revision that the pod was made from. */
export function revisionNameOf({ metadata }: Pod): string {
  return metadata.labels?.[REVISION_HASH_LABEL] ?? '';
}

export function claimName(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata?.name ?? ''}-${podName(set, ordinal)}`;
}

/** The labels that tell who the pod is. */
export function identityLabels(set: StatefulSet, ordinal: number): Record<string, string> {
  return { [POD_NAME_LABEL]: podName(set, ordinal), [POD_INDEX_LABEL]: String(ordinal) };
}

/** A pod of this ordinal from the template of a revision. */
export function statefulPod(
  set: StatefulSet,
  template: PodTemplateSpec,
  revisionName: string,
  ordinal: number,
): Draft<Pod> {
  const draft = podFromTemplate(template, set.metadata.namespace, controllerReference(set, StatefulSets));
  const name = podName(set, ordinal);
  const claims = (set.spec.volumeClaimTemplates ?? []).map((each) => ({
    name: each.metadata?.name ?? '',
    persistentVolumeClaim: { claimName: claimName(set, each, ordinal) },
  }));
  const claimed = new Set(claims.map((each) => each.name));
  const others = (draft.spec.volumes ?? []).filter((each) => !claimed.has(each.name));
  const { serviceName = '' } = set.spec;
  return {
    metadata: {
      ...draft.metadata,
      name,
      labels: {
        ...draft.metadata.labels,
        ...identityLabels(set, ordinal),
        [REVISION_HASH_LABEL]: revisionName,
      },
    },
    spec: {
      ...draft.spec,
      hostname: name,
      ...(serviceName === '' ? {} : { subdomain: serviceName }),
      ...(claims.length === 0 && others.length === 0 ? {} : { volumes: [...others, ...claims] }),
    },
  };
}

/** The claims of an ordinal; they outlive the pod unless the retention says otherwise. */
export function claimsOf(set: StatefulSet, ordinal: number): Draft<PersistentVolumeClaim>[] {
  const { namespace } = set.metadata;
  return (set.spec.volumeClaimTemplates ?? []).map((template) => {
    const { labels, annotations } = template.metadata ?? {};
    const ownerReferences = claimOwners(set, ordinal, undefined);
    return {
      metadata: {
        name: claimName(set, template, ordinal),
        namespace,
        labels: { ...labels, ...set.spec.selector.matchLabels },
        ...(annotations === undefined ? {} : { annotations }),
        ...(ownerReferences.length === 0 ? {} : { ownerReferences }),
      },
      spec: jsonClone(template.spec ?? {}),
    };
  });
}

/**
 * Who takes a claim of this ordinal along when he goes (KEP-1847): the set when it is deleted, the
 * pod when it is scaled away.
 */
export function claimOwners(set: StatefulSet, ordinal: number, pod: Pod | undefined): OwnerReference[] {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const { first, end } = ordinalsOf(set);
  const isScaledAway = ordinal < first || ordinal >= end;
  if (isScaledAway && whenScaled === 'Delete') {
    return pod === undefined ? [] : [controllerReference(pod, Pods)];
  }
  return whenDeleted === 'Delete' ? [controllerReference(set, StatefulSets)] : [];
}

/** The references of a claim as they should be; undefined when they are, or somebody else manages the claim. */
export function mendedOwners(
  claim: PersistentVolumeClaim,
  set: StatefulSet,
  ordinal: number,
  pod: Pod | undefined,
): OwnerReference[] | undefined {
  const isOurs = (reference: OwnerReference): boolean =>
    reference.uid === set.metadata.uid ||
    (reference.kind === Pods.kind && reference.name === podName(set, ordinal));
  const present = claim.metadata.ownerReferences ?? [];
  const foreign = present.filter((each) => !isOurs(each));
  if (foreign.some(({ controller }) => controller === true)) return undefined;
  const ours = present.filter(isOurs).map(({ uid }) => uid);
  const wanted = claimOwners(set, ordinal, pod);
  const isRight = ours.length === wanted.length && wanted.every(({ uid }) => ours.includes(uid));
  return isRight ? undefined : [...foreign, ...wanted];
}

/** A claim that is going, or goes with a pod that was here before: a new pod must not get it. */
export function isStaleClaim(claim: PersistentVolumeClaim, set: StatefulSet, ordinal: number): boolean {
  if (claim.metadata.deletionTimestamp !== undefined) return true;
  const owners = claim.metadata.ownerReferences ?? [];
  return owners.some(({ kind, name }) => kind === Pods.kind && name === podName(set, ordinal));
}
