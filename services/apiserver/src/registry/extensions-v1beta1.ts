/**
 * extensions/v1beta1, the first home of Deployments and ReplicaSets (until Kubernetes 1.16).
 * Their form was the same as today's; their defaults were not (pkg/apis/extensions/v1beta1/defaults.go
 * of Kubernetes 1.15).
 */

import type {
  Deployment,
  ExtensionsV1beta1Deployment,
  ExtensionsV1beta1ReplicaSet,
  KubeObject,
  LabelSelector,
  PodTemplateSpec,
} from '@orrery/api/gen/types.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import type { Column, ServedVersion } from './definition.ts';
import { MAX_INT32 } from './fields.ts';
import { labelSelectorColumn, templateColumns } from './workload-columns.ts';

interface OldWorkload extends KubeObject {
  spec: { selector?: LabelSelector; template?: PodTemplateSpec };
}

function deprecation(kind: string): string {
  return `extensions/v1beta1 ${kind} is deprecated in v1.9+, unavailable in v1.16+; use apps/v1 ${kind}`;
}

/** Selector and labels come from the labels of the template unless they are given. */
function defaultFromTemplate({ metadata, spec }: OldWorkload): void {
  const labels = spec.template?.metadata?.labels;
  if (labels === undefined) return;
  spec.selector ??= { matchLabels: { ...labels } };
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
}

function defaultDeployment(object: KubeObject): void {
  const deployment = object as ExtensionsV1beta1Deployment;
  deployment.spec ??= { template: {} };
  const { spec } = deployment;
  defaultFromTemplate(deployment);
  spec.replicas ??= 1;
  spec.strategy ??= {};
  const { strategy } = spec;
  strategy.type ||= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {};
    strategy.rollingUpdate.maxUnavailable ??= 1;
    strategy.rollingUpdate.maxSurge ??= 1;
  }
  spec.revisionHistoryLimit ??= MAX_INT32;
  spec.progressDeadlineSeconds ??= MAX_INT32;
}

/** Where today's form keeps what the old one asks for in a field; the controller acts upon it and clears it. */
const ROLLBACK_TO = 'deprecated.deployment.rollback.to';

function deploymentToStored(object: KubeObject): KubeObject {
  const { metadata, spec } = object as ExtensionsV1beta1Deployment;
  if (spec.rollbackTo === undefined) return object;
  const { rollbackTo, ...rest } = spec;
  const annotations = { ...metadata.annotations, [ROLLBACK_TO]: String(rollbackTo.revision ?? 0) };
  return { ...object, metadata: { ...metadata, annotations }, spec: rest } as KubeObject;
}

function deploymentFromStored(object: KubeObject): KubeObject {
  const { metadata, spec } = object as ExtensionsV1beta1Deployment;
  const { [ROLLBACK_TO]: revision, ...annotations } = metadata.annotations ?? {};
  if (revision === undefined) return object;
  const rollbackTo = { revision: Number(revision) };
  return { ...object, metadata: { ...metadata, annotations }, spec: { ...spec, rollbackTo } } as KubeObject;
}

function defaultReplicaSet(object: KubeObject): void {
  const replicaSet = object as ExtensionsV1beta1ReplicaSet;
  replicaSet.spec ??= {};
  defaultFromTemplate(replicaSet);
  replicaSet.spec.replicas ??= 1;
}

/** As kubectl printed Deployments until Kubernetes 1.11. */
const oldDeploymentColumns: readonly Column<Deployment>[] = [
  nameColumn,
  column('Desired', ({ spec }) => spec.replicas ?? 0, 'integer'),
  column('Current', ({ status }) => status?.replicas ?? 0, 'integer'),
  column('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0, 'integer'),
  column('Available', ({ status }) => status?.availableReplicas ?? 0, 'integer'),
  ageColumn,
  ...templateColumns,
  labelSelectorColumn,
];

export const oldDeploymentVersion: ServedVersion = {
  group: 'extensions',
  version: 'v1beta1',
  defaults: defaultDeployment,
  toStored: deploymentToStored,
  fromStored: deploymentFromStored,
  deprecation: deprecation('Deployment'),
  columns: oldDeploymentColumns as readonly Column<KubeObject>[],
};

export const oldReplicaSetVersion: ServedVersion = {
  group: 'extensions',
  version: 'v1beta1',
  defaults: defaultReplicaSet,
  deprecation: deprecation('ReplicaSet'),
};
