/** Names that the kinds of workloads share between apiserver, controllers and clients. */

/** Counts the templates of a DaemonSet; its pods carry the number as a label (apps/v1, DeprecatedTemplateGeneration). */
export const TEMPLATE_GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation';

/** Finds the pods of a Job: its uid, and its name; the older labels mean the same. */
export const JOB_UID_LABEL = 'batch.kubernetes.io/controller-uid';
export const JOB_NAME_LABEL = 'batch.kubernetes.io/job-name';
export const OLD_JOB_UID_LABEL = 'controller-uid';
export const OLD_JOB_NAME_LABEL = 'job-name';

/** Label and annotation: the index of a pod of an Indexed Job. */
export const JOB_INDEX = 'batch.kubernetes.io/job-completion-index';

/** Keeps a pod until its end has been counted. */
export const JOB_TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking';

/** Who runs a Job that names nobody (`spec.managedBy`). */
export const JOB_CONTROLLER = 'kubernetes.io/job-controller';

/** Annotation: what the deletion of a pod costs. Its ReplicaSet deletes cheaper pods first (KEP-2255). */
export const POD_DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** The cost in an annotation: a 32-bit integer without plus or leading zeros; undefined for anything else. */
export function parseDeletionCost(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d*|-\d+)$/.test(text)) return undefined;
  const cost = Number(text);
  return cost >= -(2 ** 31) && cost < 2 ** 31 ? cost : undefined;
}
