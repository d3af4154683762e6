/** What a list, a watch or a deletecollection selects: the query parameters, read but not judged. */

import { field, invalid } from '@orrery/api/status-error.ts';
import { parseLabelSelector } from '@orrery/api/selectors.ts';
import type { Api, ListOptions, Selection, WatchOptions } from '../verbs/api.ts';
import { flag, integer, optional, text } from './query.ts';
import type { Target } from './router.ts';

/** @throws StatusError 400 for selectors that cannot be read or fields that the resource does not support. */
function selectionOf(api: Api, { served }: Target, query: URLSearchParams): Selection {
  const labels = text(query, 'labelSelector');
  const fields = text(query, 'fieldSelector');
  return {
    ...optional('labels', labels === undefined ? undefined : parseLabelSelector(labels)),
    ...optional(
      'fields',
      fields === undefined ? undefined : api.compileFieldSelector(served.definition, fields),
    ),
  };
}

/** @throws StatusError 400 and 422 for parameters that cannot be read or belong to watches. */
export function listOptions(api: Api, target: Target, query: URLSearchParams): ListOptions {
  if (query.size === 0) return namespaceOption(target);
  if (flag(query, 'sendInitialEvents') !== undefined) {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions', name: '' }, [
      field.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'),
    ]);
  }
  return {
    ...namespaceOption(target),
    selection: selectionOf(api, target, query),
    // Only a positive limit makes pages: `kubectl get --chunk-size=-1` gets everything, as upstream.
    ...optional('limit', integer(query, 'limit')),
    ...optional('continueToken', text(query, 'continue')),
    ...optional('resourceVersion', text(query, 'resourceVersion')),
    ...optional('resourceVersionMatch', text(query, 'resourceVersionMatch')),
  };
}

export function watchOptions(api: Api, target: Target, query: URLSearchParams): WatchOptions {
  return {
    ...namespaceOption(target),
    ...optional('name', target.name === '' ? undefined : target.name),
    selection: selectionOf(api, target, query),
    ...optional('resourceVersion', text(query, 'resourceVersion')),
    ...optional('resourceVersionMatch', text(query, 'resourceVersionMatch')),
    ...optional('sendInitialEvents', flag(query, 'sendInitialEvents')),
  };
}

function namespaceOption({ namespace }: Target): { namespace?: string } {
  return namespace === '' ? {} : { namespace };
}
