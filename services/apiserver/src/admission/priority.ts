/** Priority: turns the name of a priority class into a number. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import { forbidden } from '@orrery/api/status-error.ts';

/** The classes that every cluster has. PriorityClass objects are not served yet. */
const SYSTEM_CLASSES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

/** @throws StatusError 403 for an unknown class, or a number that differs from that of the class. */
export function resolvePriority({ metadata, spec }: Pod): void {
  const className = spec.priorityClassName ?? '';
  const priority = className === '' ? 0 : SYSTEM_CLASSES[className];
  const name = metadata.name || (metadata.generateName ?? '');
  if (priority === undefined)
    throw forbidden(Pods, name, `no PriorityClass with name ${className} was found`);
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw forbidden(
      Pods,
      name,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
    );
  }
  spec.priority = priority;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
}
