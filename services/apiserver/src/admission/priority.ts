/** Priority: turns the name of a priority class into a number (plugin/pkg/admission/priority). */

import type { Pod, PriorityClass } from '@orrery/api/gen/types.ts';
import { Pods, PriorityClasses } from '@orrery/api/resources.ts';
import { forbidden, qualifiedResource } from '@orrery/api/status-error.ts';
import { SYSTEM_CLASSES } from '../registry/priorityclass.ts';
import type { AdmissionReader } from './cached-reader.ts';

const CLASSES = qualifiedResource(PriorityClasses);

type Effect = Pick<PriorityClass, 'value' | 'preemptionPolicy'>;

/** @throws StatusError 403 for an unknown class, or a number that differs from that of the class. */
export async function resolvePriority(reader: AdmissionReader, { metadata, spec }: Pod): Promise<void> {
  const name = metadata.name || (metadata.generateName ?? '');
  if ((spec.priorityClassName ?? '') === '') {
    const byDefault = await defaultClass(reader);
    if (byDefault !== undefined) spec.priorityClassName = byDefault.metadata.name;
  }
  const className = spec.priorityClassName ?? '';
  const effect = className === '' ? {} : await classNamed(reader, className);
  if (effect === undefined) throw forbidden(Pods, name, `no PriorityClass with name ${className} was found`);
  const priority = effect.value ?? 0;
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw forbidden(
      Pods,
      name,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
    );
  }
  const policy = effect.preemptionPolicy ?? 'PreemptLowerPriority';
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw forbidden(
      Pods,
      name,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  }
  spec.priority = priority;
  spec.preemptionPolicy = policy;
}

/** The classes of the system are there even before the cluster has made its objects of them. */
async function classNamed(reader: AdmissionReader, name: string): Promise<Effect | undefined> {
  const found: PriorityClass | undefined = await reader.get(CLASSES, '', name);
  return found ?? (Object.hasOwn(SYSTEM_CLASSES, name) ? SYSTEM_CLASSES[name] : undefined);
}

/** Of several the one with the lowest value. */
async function defaultClass(reader: AdmissionReader): Promise<PriorityClass | undefined> {
  const classes = ((await reader.list(CLASSES)) as PriorityClass[]).filter(
    ({ globalDefault }) => globalDefault === true,
  );
  return classes.sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
}

/** @throws StatusError 403 when another class is the default one already. */
export async function admitDefaultClass(reader: AdmissionReader, object: PriorityClass): Promise<void> {
  if (object.globalDefault !== true) return;
  const present = await defaultClass(reader);
  if (present === undefined || present.metadata.name === object.metadata.name) return;
  const why = `PriorityClass ${present.metadata.name} is already marked as default. Only one default can exist`;
  throw forbidden(PriorityClasses, object.metadata.name, why);
}
