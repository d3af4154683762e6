/** All I/O of the Deployment controller (deployment/deployment_controller.go, sync.go). */

import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '@orrery/api/gen/types.ts';
import { controllerOf, isBeingDeleted, objectKey } from '@orrery/api/meta.ts';
import { Deployments, ReplicaSets } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { isAlreadyExists, isNotFound, StatusError } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isNamespaceTerminating, isOutage } from '../api-errors.ts';
import { claimAll, planClaims } from '../ownership.ts';
import type { OwnWrites } from '../own-writes.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { annotationChanges, nextRevision, REVISION, revisionOf, sizeAnnotations } from './annotations.ts';
import { needsNewSet, newReplicaSet, planSizes, setsToForget } from './plan.ts';
import { planRollback, rollbackTo } from './rollback.ts';
import {
  allSets,
  replicasOf,
  type Rollout,
  rolloutOf,
  sameTemplate,
  type Scaling,
  withSet,
} from './rollout.ts';
import { deploymentStatus, isComplete, type NewSetOutcome, progressCheckMs } from './status.ts';

export interface DeploymentReconcilerOptions {
  deployments: OwnWrites<Deployment>;
  replicaSets: OwnWrites<ReplicaSet>;
  /** ReplicaSets that the owner manages, and those in the namespace that nothing manages. */
  candidates: (deployment: Deployment) => ReplicaSet[];
  podsOf: (replicaSet: ReplicaSet) => Pod[];
  events: EventRecorder;
  clock: Clock;
}

/** What one reconciliation has come to. */
interface Pass {
  client: Client;
  rollout: Rollout;
  outcome: NewSetOutcome;
}

/** Another object has the name of the new ReplicaSet: the next try takes another hash. */
class HashCollision extends Error {}

export class DeploymentReconciler {
  readonly #deployments: OwnWrites<Deployment>;
  readonly #replicaSets: OwnWrites<ReplicaSet>;
  readonly #options: DeploymentReconcilerOptions;

  constructor(options: DeploymentReconcilerOptions) {
    this.#deployments = options.deployments;
    this.#replicaSets = options.replicaSets;
    this.#options = options;
  }

  async reconcile(key: string, { client, logger }: ReconcileContext): Promise<ReconcileResult> {
    const deployment = this.#deployments.get(key);
    if (deployment === undefined) return {};
    if (selectsEverything(deployment)) return this.#refuse(client, deployment);
    const pass: Pass = {
      client,
      rollout: rolloutOf(deployment, await this.#claim(client, deployment)),
      outcome: undefined,
    };
    if (isBeingDeleted(deployment)) return this.#finish(pass);
    const revision = deployment.spec.paused === true ? undefined : rollbackTo(deployment);
    if (revision !== undefined) return this.#rollBack(pass, revision);
    try {
      await this.#syncNewSet(pass);
      for (const scaling of planSizes(pass.rollout)) await this.#scale(pass, scaling);
      const isPaused = pass.rollout.deployment.spec.paused === true;
      if (isComplete(pass.rollout) || isPaused) await this.#forgetOldSets(pass);
    } catch (error) {
      if (error instanceof HashCollision) await this.#countCollision(pass);
      if (pass.outcome?.kind === 'failed') await this.#finish(pass);
      if (isNamespaceTerminating(error)) {
        logger.debug({ key }, 'the namespace is going away');
        return {};
      }
      throw error;
    }
    return this.#finish(pass);
  }

  /** An empty selector would take every ReplicaSet of the namespace. */
  async #refuse(client: Client, deployment: Deployment): Promise<ReconcileResult> {
    this.#options.events.warning(
      { resource: Deployments, object: deployment },
      'SelectingAll',
      'This deployment is selecting all pods. A non-empty selector is required.',
    );
    const observedGeneration = deployment.metadata.generation ?? 0;
    await this.#writeStatus(client, deployment, { ...deployment.status, observedGeneration });
    return {};
  }

  async #claim(client: Client, deployment: Deployment): Promise<ReplicaSet[]> {
    const { namespace, uid } = deployment.metadata;
    const candidates = this.#replicaSets.over(
      this.#options.candidates(deployment),
      (each) => each.metadata.namespace === namespace && controllerOf(each)?.uid === uid,
    );
    const claims = planClaims(deployment, labelSelectorMatcher(deployment.spec.selector), candidates);
    return claimAll({ client, owner: deployment, ownerResource: Deployments, resource: ReplicaSets, claims });
  }

  /** Makes the set of the present template if it is time, else keeps its annotations and the revision right. */
  async #syncNewSet(pass: Pass): Promise<void> {
    const { rollout } = pass;
    const oldPods = (): Pod[] => rollout.oldSets.flatMap((each) => this.#options.podsOf(each));
    if (rollout.newSet !== undefined) await this.#refreshNewSet(pass, rollout.newSet);
    else if (needsNewSet(rollout, oldPods)) await this.#createNewSet(pass);
    const { newSet } = pass.rollout;
    if (newSet !== undefined) await this.#setRevision(pass, revisionOf(newSet));
  }

  async #refreshNewSet(pass: Pass, newSet: ReplicaSet): Promise<void> {
    const { deployment, oldSets } = pass.rollout;
    pass.outcome = { kind: 'found', name: newSet.metadata.name };
    const annotations = annotationChanges(deployment, newSet, nextRevision(oldSets));
    const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
    const changesReadiness = (newSet.spec.minReadySeconds ?? 0) !== minReadySeconds;
    if (Object.keys(annotations).length === 0 && !changesReadiness) return;
    const { namespace, name, uid } = newSet.metadata;
    const changed = await pass.client.patch(ReplicaSets, { namespace, name }, 'merge', {
      metadata: { uid, annotations },
      ...(changesReadiness ? { spec: { minReadySeconds } } : {}),
    });
    this.#replicaSets.wrote(changed);
    pass.rollout = withSet(pass.rollout, changed);
  }

  async #createNewSet(pass: Pass): Promise<void> {
    const { deployment, oldSets } = pass.rollout;
    const draft = newReplicaSet(pass.rollout);
    const { name, namespace } = draft.metadata;
    let created: ReplicaSet;
    try {
      created = await pass.client.create(ReplicaSets, draft);
      pass.outcome = { kind: 'created', name };
      const replicas = replicasOf(created);
      if (replicas > 0) this.#reportScaling(deployment, name, 0, replicas);
    } catch (error) {
      if (isAlreadyExists(error)) {
        created = await this.#existingNewSet(pass, { namespace, name });
        pass.outcome = { kind: 'found', name };
      } else {
        if (error instanceof StatusError && !isOutage(error) && !isNamespaceTerminating(error)) {
          const message = `Failed to create new replica set "${name}": ${error.message}`;
          pass.outcome = { kind: 'failed', message };
          this.#options.events.warning(
            { resource: Deployments, object: deployment },
            'ReplicaSetCreateError',
            message,
          );
        }
        throw error;
      }
    }
    this.#replicaSets.wrote(created);
    pass.rollout = { deployment, oldSets, newSet: created };
  }

  /** The set that an earlier try made and the cache does not show yet, unless the name is taken by another. */
  async #existingNewSet(
    { client, rollout }: Pass,
    name: { namespace: string; name: string },
  ): Promise<ReplicaSet> {
    const { deployment } = rollout;
    const existing = await client.get(ReplicaSets, name);
    const isOurs = controllerOf(existing)?.uid === deployment.metadata.uid;
    if (isOurs && sameTemplate(existing.spec.template, deployment.spec.template)) return existing;
    throw new HashCollision(
      `ReplicaSet ${objectKey(name.namespace, name.name)} has another template or owner`,
    );
  }

  async #countCollision({ client, rollout: { deployment } }: Pass): Promise<void> {
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    await this.#writeStatus(client, deployment, { ...deployment.status, collisionCount });
  }

  /** Nothing else is done before the request is answered: what follows belongs to another template. */
  async #rollBack({ client, rollout }: Pass, revision: number): Promise<ReconcileResult> {
    const { deployment, event } = planRollback(rollout, revision);
    this.#deployments.wrote(await client.update(Deployments, deployment));
    const subject = { resource: Deployments, object: deployment };
    this.#options.events[event.type](subject, event.reason, event.message);
    return {};
  }

  /**
   * Only the annotation is patched: nobody else's change can be lost, so no precondition but
   * the uid. Through the status, as upstream, so that it counts as no change of the spec.
   */
  async #setRevision(pass: Pass, revision: number): Promise<void> {
    const { deployment } = pass.rollout;
    if (revision === 0 || revisionOf(deployment) === revision) return;
    const { namespace, name, uid } = deployment.metadata;
    const patch = { metadata: { uid, annotations: { [REVISION]: String(revision) } } };
    const changed = await pass.client.patch(Deployments, { namespace, name }, 'merge', patch, 'status');
    this.#deployments.wrote(changed);
    // The rest of this pass stays with the spec it was planned on; a newer one brings its own pass.
    const metadata = { ...deployment.metadata, annotations: changed.metadata.annotations ?? {} };
    const isSameSpec = semanticallyEqual(changed.spec, deployment.spec);
    pass.rollout = { ...pass.rollout, deployment: isSameSpec ? changed : { ...deployment, metadata } };
  }

  /**
   * Conditional on the generation and not on the resourceVersion, which moves with every
   * status that the ReplicaSet controller writes.
   */
  async #scale(pass: Pass, { replicaSet, replicas }: Scaling): Promise<void> {
    const { deployment } = pass.rollout;
    const { namespace, name, uid, generation } = replicaSet.metadata;
    const changed = await pass.client.patch(ReplicaSets, { namespace, name }, 'json', [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'test', path: '/metadata/generation', value: generation },
      { op: 'replace', path: '/spec/replicas', value: replicas },
      ...annotationOperations(replicaSet, sizeAnnotations(deployment)),
    ]);
    this.#replicaSets.wrote(changed);
    pass.rollout = withSet(pass.rollout, changed);
    const before = replicasOf(replicaSet);
    if (before !== replicas) this.#reportScaling(deployment, name, before, replicas);
  }

  #reportScaling(deployment: Deployment, name: string, from: number, to: number): void {
    const direction = to > from ? 'up' : 'down';
    this.#options.events.normal(
      { resource: Deployments, object: deployment },
      'ScalingReplicaSet',
      `Scaled ${direction} replica set ${name} from ${from} to ${to}`,
    );
  }

  async #forgetOldSets(pass: Pass): Promise<void> {
    for (const each of setsToForget(pass.rollout)) {
      const { namespace, name, uid, resourceVersion } = each.metadata;
      try {
        await pass.client.delete(
          ReplicaSets,
          { namespace, name },
          { preconditions: { uid, resourceVersion } },
        );
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      this.#replicaSets.removed(each);
    }
  }

  async #finish({ client, rollout, outcome }: Pass): Promise<ReconcileResult> {
    const { deployment } = rollout;
    const nowMs = this.#options.clock.now();
    const status = deploymentStatus({ rollout, newSetOutcome: outcome, nowMs });
    await this.#writeStatus(client, deployment, status);
    const requeueAfterMs =
      allSets(rollout).length === 0 ? undefined : progressCheckMs(deployment, status, nowMs);
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  }

  async #writeStatus(client: Client, deployment: Deployment, status: DeploymentStatus): Promise<void> {
    if (semanticallyEqual(status, deployment.status)) return;
    try {
      this.#deployments.wrote(await client.updateStatus(Deployments, { ...deployment, status }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Sets some annotations and leaves the others as they are at the time of the patch. */
function annotationOperations({ metadata }: ReplicaSet, annotations: Record<string, string>): unknown[] {
  if (metadata.annotations === undefined)
    return [{ op: 'add', path: '/metadata/annotations', value: annotations }];
  return Object.entries(annotations).map(([key, value]) => ({
    op: 'add',
    path: `/metadata/annotations/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    value,
  }));
}

function selectsEverything({ spec: { selector } }: Deployment): boolean {
  return (
    Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0
  );
}
