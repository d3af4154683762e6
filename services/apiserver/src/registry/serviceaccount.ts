/** ServiceAccounts. */

import type { ServiceAccount } from '@orrery/api/gen/types.ts';
import { ServiceAccounts } from '@orrery/api/resources.ts';
import { ageColumn, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { dnsSubdomainProblems } from './names.ts';

export const serviceAccountsDefinition = define<ServiceAccount>({
  ref: ServiceAccounts,
  singular: 'serviceaccount',
  shortNames: ['sa'],
  versions: [{ group: '', version: 'v1' }],
  columns: [nameColumn, ageColumn],
  subresources: ['token'],
  returnsDeleted: true,
  nameProblems: dnsSubdomainProblems,
  // Everything in it is a reference by name, and upstream checks none of them.
  validate: () => [],
});
