/** Going back to an earlier revision because the Deployment asks for it, as clients of extensions/v1beta1 do: pure (deployment/rollback.go). */

import type { Deployment, PodTemplateSpec } from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { revisionOf, ROLLBACK_TO, withAnnotationsOf } from './annotations.ts';
import { allSets, type Rollout, sameTemplate } from './rollout.ts';
import { POD_TEMPLATE_HASH } from './template-hash.ts';

/** The revision that is asked for; 0 is the one before the present. */
export function rollbackTo({ metadata }: Deployment): number | undefined {
  const text = metadata.annotations?.[ROLLBACK_TO];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

export interface Rollback {
  /** To be written: with the template of that revision, if it was found, and without the request. */
  deployment: Deployment;
  event: { type: 'normal' | 'warning'; reason: string; message: string };
}

export function planRollback(rollout: Rollout, revision: number): Rollback {
  const { deployment } = rollout;
  const { name } = deployment.metadata;
  const wanted = revision === 0 ? lastRevision(rollout) : revision;
  const set = allSets(rollout).find((each) => wanted > 0 && revisionOf(each) === wanted);
  if (set === undefined) {
    const message =
      wanted === 0 ? 'Unable to find last revision.' : 'Unable to find the revision to rollback to.';
    return refused(deployment, 'DeploymentRollbackRevisionNotFound', message);
  }
  if (sameTemplate(set.spec.template, deployment.spec.template)) {
    const message = `The rollback revision contains the same template as current deployment ${JSON.stringify(name)}`;
    return refused(deployment, 'DeploymentRollbackTemplateUnchanged', message);
  }
  const template: PodTemplateSpec = jsonClone(set.spec.template ?? {});
  if (template.metadata?.labels !== undefined) {
    const { [POD_TEMPLATE_HASH]: _, ...labels } = template.metadata.labels;
    template.metadata.labels = labels;
  }
  const annotations = withAnnotationsOf(deployment, set);
  const rolledBack = { ...deployment, spec: { ...deployment.spec, template } };
  const message = `Rolled back deployment ${JSON.stringify(name)} to revision ${wanted}`;
  return {
    deployment: answered({ ...rolledBack, metadata: { ...deployment.metadata, annotations } }),
    event: { type: 'normal', reason: 'DeploymentRollback', message },
  };
}

/** The second highest revision; 0 when there is none (`LastRevision`). */
function lastRevision(rollout: Rollout): number {
  const revisions = allSets(rollout).map(revisionOf);
  const highest = Math.max(0, ...revisions);
  return Math.max(0, ...revisions.filter((each) => each < highest));
}

function refused(deployment: Deployment, reason: string, message: string): Rollback {
  return { deployment: answered(deployment), event: { type: 'warning', reason, message } };
}

function answered(deployment: Deployment): Deployment {
  const { [ROLLBACK_TO]: _, ...annotations } = deployment.metadata.annotations ?? {};
  return { ...deployment, metadata: { ...deployment.metadata, annotations } };
}
