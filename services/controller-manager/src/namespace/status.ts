/** Conditions of a namespace that is being deleted: pure (pkg/controller/namespace/deletion/status_condition_utils.go). */

import type { NamespaceCondition } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { qualifiedResource } from '@orrery/api/status-error.ts';
import { withCondition } from '../conditions.ts';

/** What was found in the namespace and what became of it. */
export interface DeletionProgress {
  /** What remains after this round, by resource. */
  remaining: { group: string; resource: string; count: number }[];
  /** Finalizers that hold what remains, and on how many objects each. */
  finalizers: ReadonlyMap<string, number>;
  /** Why content could not be deleted. */
  errors: string[];
}

interface Finding {
  type: string;
  problem: { reason: string; message: string } | undefined;
  fine: { reason: string; message: string };
}

function findings({ remaining, finalizers, errors }: DeletionProgress): Finding[] {
  const instances = remaining.map(
    ({ count, ...resource }) => `${dotted(resource)} has ${count} resource instances`,
  );
  const held = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      problem: undefined,
      fine: { reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' },
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      problem: undefined,
      fine: { reason: 'ParsedGroupVersions', message: 'All legacy kube types successfully parsed' },
    },
    {
      type: 'NamespaceDeletionContentFailure',
      problem:
        errors.length === 0
          ? undefined
          : {
              reason: 'ContentDeletionFailed',
              message: `Failed to delete all resource types, ${errors.length} remaining: ${errors.join(', ')}`,
            },
      fine: {
        reason: 'ContentDeleted',
        message: 'All content successfully deleted, may be waiting on finalization',
      },
    },
    {
      type: 'NamespaceContentRemaining',
      problem:
        instances.length === 0
          ? undefined
          : {
              reason: 'SomeResourcesRemain',
              message: `Some resources are remaining: ${instances.sort().join(', ')}`,
            },
      fine: { reason: 'ContentRemoved', message: 'All content successfully removed' },
    },
    {
      type: 'NamespaceFinalizersRemaining',
      problem:
        held.length === 0
          ? undefined
          : {
              reason: 'SomeFinalizersRemain',
              message: `Some content in the namespace has finalizers remaining: ${held.sort().join(', ')}`,
            },
      fine: { reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' },
    },
  ];
}

/** `pods.` for the core group: upstream always writes the dot here. */
function dotted(resource: { group: string; resource: string }): string {
  return resource.group === '' ? `${resource.resource}.` : qualifiedResource(resource);
}

/** The conditions after a round; those that say the same keep their time. */
export function deletionConditions(
  current: readonly NamespaceCondition[],
  progress: DeletionProgress,
  nowMs: number,
): NamespaceCondition[] {
  let conditions = [...current];
  for (const { type, problem, fine } of findings(progress)) {
    const wanted: NamespaceCondition = {
      type,
      status: problem === undefined ? 'False' : 'True',
      lastTransitionTime: formatTime(nowMs),
      ...(problem ?? fine),
    };
    const present = conditions.find((each) => each.type === type);
    if (present?.status === wanted.status && present.message !== wanted.message) {
      // Counts go down without a transition.
      conditions = conditions.map((each) =>
        each === present ? { ...each, message: wanted.message ?? '' } : each,
      );
    } else {
      conditions = withCondition(conditions, wanted);
    }
  }
  return conditions;
}
