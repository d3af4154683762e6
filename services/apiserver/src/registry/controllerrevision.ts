/** ControllerRevisions: what DaemonSets and StatefulSets looked like before (pkg/apis/apps/validation, ValidateControllerRevision). */

import type { ControllerRevision } from '@orrery/api/gen/types.ts';
import { controllerOf } from '@orrery/api/meta.ts';
import { ControllerRevisions, parseApiVersion } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkImmutable, checkNotNegative } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';

function validateRevision({ data, revision }: ControllerRevision): FieldError[] {
  const errors: FieldError[] = [];
  if (data === undefined) errors.push(field.required('data', 'data is mandatory'));
  checkNotNegative(revision, 'revision', errors);
  return errors;
}

/** `daemonset.apps/fluentd`, as kubectl names objects. */
function controllerName(object: ControllerRevision): string {
  const controller = controllerOf(object);
  if (controller === undefined) return '<none>';
  const { group } = parseApiVersion(controller.apiVersion);
  const kind = controller.kind.toLowerCase();
  return `${group === '' ? kind : `${kind}.${group}`}/${controller.name}`;
}

export const controllerRevisionsDefinition = define<ControllerRevision>({
  ref: ControllerRevisions,
  singular: 'controllerrevision',
  versions: [{ group: 'apps', version: 'v1' }],
  columns: [
    nameColumn,
    column('Controller', controllerName),
    column('Revision', ({ revision }) => revision),
    ageColumn,
  ],
  subresources: [],
  nameProblems: dnsSubdomainProblems,
  defaults: (object) => {
    object.revision ??= 0;
  },
  validate: validateRevision,
  validateUpdate: ({ data }, stored) => {
    const errors: FieldError[] = [];
    checkImmutable(data, stored.data, 'data', errors);
    return errors;
  },
});
