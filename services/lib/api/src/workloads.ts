/** Names that the kinds of workloads share between apiserver, controllers and clients. */

/** Counts the templates of a DaemonSet; its pods carry the number as a label (apps/v1, DeprecatedTemplateGeneration). */
export const TEMPLATE_GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation';
