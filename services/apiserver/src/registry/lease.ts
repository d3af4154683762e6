/** Leases. */

import type { Lease } from '@orrery/api/gen/types.ts';
import { Leases } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkNotNegative, checkSyntax } from './fields.ts';
import { dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';

function validateLease({ spec }: Lease): FieldError[] {
  const errors: FieldError[] = [];
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder = '' } = spec;
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(field.invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'));
  }
  checkNotNegative(leaseTransitions, 'spec.leaseTransitions', errors);
  if (strategy !== undefined) checkStrategy(strategy, errors);
  if (preferredHolder !== '' && (strategy ?? '') === '') {
    errors.push(field.forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  }
  return errors;
}

/** Strategies of others have a domain. */
function checkStrategy(strategy: string, errors: FieldError[]): void {
  const path = 'spec.strategy.strategy';
  if (strategy.includes('/')) checkSyntax(strategy, path, qualifiedNameProblems, errors);
  else if (strategy !== 'OldestEmulationVersion') {
    errors.push(field.notSupported(path, strategy, ['OldestEmulationVersion']));
  }
}

export const leasesDefinition = define<Lease>({
  ref: Leases,
  singular: 'lease',
  versions: [{ group: 'coordination.k8s.io', version: 'v1' }],
  columns: [nameColumn, column('Holder', ({ spec }) => spec.holderIdentity ?? ''), ageColumn],
  subresources: [],
  createsOnUpdate: true,
  needsResourceVersion: true,
  nameProblems: dnsSubdomainProblems,
  defaults: (object) => {
    object.spec ??= {};
  },
  validate: validateLease,
  fenceEpoch: ({ spec }) => spec.leaseTransitions ?? 0,
});
