/** Which events concern which DaemonSet. */

import type { DaemonSet, Node, Pod } from '@orrery/api/gen/types.ts';
import { controllerOf, keyOf, objectKey } from '@orrery/api/meta.ts';
import { ControllerRevisions, DaemonSets, Nodes, Pods } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { BY_CONTROLLER, indexed, ORPHANS_BY_NAMESPACE } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { PodControl } from '../pod-control/index.ts';
import { watchPods } from '../pod-control/pod-events.ts';
import { RevisionHistory } from '../revision-history/index.ts';
import { NodeEligibility } from './node-eligibility.ts';
import { DaemonSetReconciler } from './reconcile.ts';

/** Nodes and pods change in bursts; one look serves all within this time. */
const COALESCE_MS = 25;

export function daemonSetController({ informers, events, clock }: ControllerContext): Controller {
  const daemonSets = informers.of(DaemonSets);
  const pods = informers.of(Pods);
  const nodes = informers.of(Nodes);
  const managedPods = indexed(pods, BY_CONTROLLER);
  const orphanPods = indexed(pods, ORPHANS_BY_NAMESPACE);
  const podControl = new PodControl({ resource: DaemonSets, events, clock });
  const ownWrites = new OwnWrites(daemonSets, clock);
  /** By version of the object: forgotten with it. */
  const eligibilities = new WeakMap<DaemonSet['spec'], NodeEligibility>();
  const eligibility = (daemonSet: DaemonSet): NodeEligibility => {
    let answers = eligibilities.get(daemonSet.spec);
    if (answers === undefined) eligibilities.set(daemonSet.spec, (answers = new NodeEligibility(daemonSet)));
    return answers;
  };
  const reconciler = new DaemonSetReconciler({
    daemonSets: ownWrites,
    nodes: () => nodes.lister.list(),
    eligibility,
    managedPods: ({ metadata }) => managedPods(metadata.uid),
    orphanPods: ({ metadata }) => orphanPods(metadata.namespace),
    history: new RevisionHistory(DaemonSets, informers, clock),
    podControl,
    events,
    clock,
  });

  /** The DaemonSet whose uid the object's reference names. */
  const ownerOf = (object: Pod): DaemonSet | undefined => {
    const reference = controllerOf(object);
    if (reference?.kind !== DaemonSets.kind) return undefined;
    const owner = ownWrites.get(objectKey(object.metadata.namespace, reference.name));
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  };

  const setup = (queue: KeyQueue): void => {
    const enqueueOwner = (pod: Pod): void => {
      const owner = ownerOf(pod);
      if (owner !== undefined) queue.addAfter(keyOf(owner), COALESCE_MS);
    };
    const enqueueAdopters = (orphan: Pod): void => {
      for (const owner of daemonSets.lister.list(orphan.metadata.namespace)) {
        if (labelSelectorMatcher(owner.spec.selector)(orphan.metadata.labels)) {
          queue.addAfter(keyOf(owner), COALESCE_MS);
        }
      }
    };
    const enqueueForNode = (isConcerned: (daemonSet: DaemonSet) => boolean): void => {
      for (const each of daemonSets.lister.list()) {
        if (isConcerned(each)) queue.addAfter(keyOf(each), COALESCE_MS);
      }
    };
    daemonSets.addHandler({
      add: (daemonSet) => queue.add(keyOf(daemonSet)),
      update: (daemonSet, before) => {
        if (daemonSet.metadata.uid !== before.metadata.uid) reconciler.forget(before.metadata.uid);
        const isStatusOnly = daemonSet.metadata.generation === before.metadata.generation;
        queue.addAfter(keyOf(daemonSet), isStatusOnly ? COALESCE_MS : 0);
      },
      delete: ({ metadata }) => reconciler.forget(metadata.uid),
    });
    nodes.addHandler({
      add: (node) => enqueueForNode((each) => eligibility(each).of(node).shouldRun),
      update: (node, before) => enqueueForNode((each) => !isSameAnswer(eligibility(each), node, before)),
      // Its pods are collected by others; the numbers change at once.
      delete: (node) => enqueueForNode((each) => eligibility(each).of(node).shouldContinue),
    });
    watchPods(pods, { owned: enqueueOwner, orphaned: enqueueAdopters }, podControl);
    // A revision that is deleted by hand is made again.
    informers.of(ControllerRevisions).addHandler({
      delete: (revision) => {
        const reference = controllerOf(revision);
        if (reference?.kind === DaemonSets.kind) {
          queue.addAfter(objectKey(revision.metadata.namespace, reference.name), COALESCE_MS);
        }
      },
    });
  };

  return {
    name: 'daemonset-controller',
    workers: 2,
    setup,
    reconcile: (key, context) => reconciler.reconcile(key, context),
  };
}

/** Heartbeats change nothing for daemons. */
function isSameAnswer(eligibility: NodeEligibility, node: Node, before: Node): boolean {
  const now = eligibility.of(node);
  const then = eligibility.of(before);
  return now.shouldRun === then.shouldRun && now.shouldContinue === then.shouldContinue;
}
