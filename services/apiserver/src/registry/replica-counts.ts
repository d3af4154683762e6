/** The counts of pods that ReplicaSets, ReplicationControllers and Deployments report in their status. */

import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkNotNegative } from './fields.ts';

interface ReplicaCounts {
  observedGeneration?: number;
  replicas?: number;
  fullyLabeledReplicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  terminatingReplicas?: number;
}

const COUNTS = [
  'replicas',
  'fullyLabeledReplicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
] as const;

const PARTS = ['fullyLabeledReplicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas'] as const;

/** Counts are not negative, parts not larger than the whole, and available pods are ready. */
export function checkReplicaCounts(status: ReplicaCounts, errors: FieldError[]): void {
  for (const key of COUNTS) checkNotNegative(status[key], `status.${key}`, errors);
  checkNotNegative(status.observedGeneration, 'status.observedGeneration', errors);
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  for (const key of PARTS) {
    const count = status[key];
    // A kind has only some of the counts; one that it has not got cannot be wrong.
    if (count !== undefined && count > replicas)
      errors.push(field.invalid(`status.${key}`, count, 'cannot be greater than status.replicas'));
  }
  if (availableReplicas > readyReplicas) {
    const why = 'cannot be greater than readyReplicas';
    errors.push(field.invalid('status.availableReplicas', availableReplicas, why));
  }
}
