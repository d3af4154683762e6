/** Revisions of a pod template as ControllerRevisions: pure (k8s.io/kubernetes/pkg/controller/history/controller_history.go). */

import type {
  ControllerRevision,
  Draft,
  NamespacedObject,
  OwnerReference,
  PodTemplateSpec,
} from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { nameHash } from '../name-hash.ts';

/** The label that tells which revision a pod was made from. */
export const REVISION_HASH_LABEL = 'controller-revision-hash';

/** A revision's data: the patch that gives the owner this template again (`getPatch`). */
export function templateData(template: PodTemplateSpec): Record<string, unknown> {
  return { spec: { template: { ...template, $patch: 'replace' } } };
}

/** The template that a revision's data give again; undefined when there is none in them. */
export function templateOf(revision: ControllerRevision | undefined): PodTemplateSpec | undefined {
  const { spec } = (revision?.data ?? {}) as { spec?: { template?: PodTemplateSpec & { $patch?: string } } };
  if (spec?.template === undefined) return undefined;
  const { $patch: _directive, ...template } = spec.template;
  return template;
}

/** What a new revision is made of. */
export interface RevisionSource {
  readonly owner: NamespacedObject;
  readonly ownerReference: OwnerReference;
  readonly data: Record<string, unknown>;
  /** Labels of the revision: those by which its owner finds it. */
  readonly labels: Readonly<Record<string, string>>;
  /** The label that holds the hash besides. */
  readonly hashLabel: string;
}

/** A revision's name ends in a hash of its data, so that the same data never makes two. */
export function newRevision(
  { owner, ownerReference, data, labels, hashLabel }: RevisionSource,
  revision: number,
  collisionCount: number | undefined,
): Draft<ControllerRevision> {
  const hash = nameHash(data, collisionCount);
  const { namespace, name, annotations } = owner.metadata;
  return {
    metadata: {
      namespace,
      name: `${name.slice(0, LONGEST_OWNER_NAME)}-${hash}`,
      labels: { ...labels, [hashLabel]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [ownerReference],
    },
    data,
    revision,
  };
}

/** How much of the owner's name goes into that of a revision (`ControllerRevisionName`). */
const LONGEST_OWNER_NAME = 223;

/** Oldest first; of equal numbers the older object, then the name decides (`SortControllerRevisions`). */
export function inOrder(revisions: readonly ControllerRevision[]): ControllerRevision[] {
  return revisions.toSorted(
    (a, b) =>
      a.revision - b.revision ||
      compareTexts(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
      compareTexts(a.metadata.name, b.metadata.name),
  );
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The number after the highest. */
export function nextNumber(revisions: readonly ControllerRevision[]): number {
  return revisions.reduce((highest, { revision }) => Math.max(highest, revision), 0) + 1;
}

/** The newest revision of the history, given in order, with this data. */
export function revisionOf(
  history: readonly ControllerRevision[],
  data: Record<string, unknown>,
): ControllerRevision | undefined {
  return history.findLast((each) => jsonEqual(each.data, data));
}

/** Revisions, of a history in order, to delete: those above the limit that nobody needs, the oldest first. */
export function revisionsToForget(
  history: readonly ControllerRevision[],
  isLive: (revision: ControllerRevision) => boolean,
  limit: number,
): ControllerRevision[] {
  const spare = history.filter((each) => !isLive(each));
  return spare.slice(0, Math.max(0, spare.length - limit));
}
