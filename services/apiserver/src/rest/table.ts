/** Tables: what `kubectl get` shows, made from the columns of the definition. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { field, invalid } from '@orrery/api/status-error.ts';
import type { Column } from '../registry/definition.ts';
import type { ServedResource } from './catalog.ts';
import { objectJson } from './conversion.ts';

/** What a row carries of its object, by the query parameter `includeObject`. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** @throws StatusError 422 for a value that there is not. */
export function parseIncludeObject(query: URLSearchParams): IncludeObject {
  const text = query.get('includeObject') ?? '';
  switch (text) {
    case '':
      return 'Metadata';
    case 'None':
    case 'Metadata':
    case 'Object':
      return text;
    default:
      throw invalid({ group: 'meta.k8s.io', kind: 'TableOptions', name: '' }, [
        field.notSupported('includeObject', text, ['Metadata', 'None', 'Object']),
      ]);
  }
}

/** ListMeta of the table; undefined properties are left out. */
export interface TableMetadata {
  resourceVersion: string;
  continue?: string | undefined;
  remainingItemCount?: number | undefined;
}

export interface TableOptions {
  includeObject: IncludeObject;
  nowMs: number;
}

/** A Table of stored values. `withColumns` is false for all but the first event of a watch. */
export function tableJson(
  served: ServedResource,
  transformVersion: string,
  values: readonly string[],
  metadata: TableMetadata,
  { includeObject, nowMs }: TableOptions,
  withColumns = true,
): string {
  const columns = withColumns ? columnDefinitionsJson(columnsOf(served)) : 'null';
  const rows = values.map((value) => rowJson(served, transformVersion, value, includeObject, nowMs));
  return `{"kind":"Table","apiVersion":"${transformVersion}","metadata":${JSON.stringify(metadata)},"columnDefinitions":${columns},"rows":[${rows.join(',')}]}`;
}

/** A row of a bookmark: no cells to speak of, and an object that says where the watch stands. */
export function bookmarkTableJson(
  served: ServedResource,
  transformVersion: string,
  metadata: { resourceVersion: string; annotations?: Record<string, string> },
): string {
  const object = { kind: 'PartialObjectMetadata', apiVersion: transformVersion, metadata };
  const row = JSON.stringify({ cells: columnsOf(served).map(() => ''), object });
  return `{"kind":"Table","apiVersion":"${transformVersion}","metadata":{"resourceVersion":"${metadata.resourceVersion}"},"columnDefinitions":null,"rows":[${row}]}`;
}

function columnsOf({ definition, version }: ServedResource): readonly Column<KubeObject>[] {
  return version.columns ?? definition.columns;
}

const knownColumns = new WeakMap<readonly Column<KubeObject>[], string>();

function columnDefinitionsJson(columns: readonly Column<KubeObject>[]): string {
  let text = knownColumns.get(columns);
  if (text === undefined) {
    text = JSON.stringify(
      columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
        name,
        type,
        format,
        description,
        priority,
      })),
    );
    knownColumns.set(columns, text);
  }
  return text;
}

function rowJson(
  served: ServedResource,
  transformVersion: string,
  value: string,
  includeObject: IncludeObject,
  nowMs: number,
): string {
  const object = JSON.parse(value) as KubeObject;
  const { rowConditions } = served.definition;
  const cells = JSON.stringify(columnsOf(served).map(({ cell }) => cell(object, nowMs)));
  const conditions = rowConditions?.(object) ?? [];
  const conditionsJson = conditions.length === 0 ? '' : `,"conditions":${JSON.stringify(conditions)}`;
  return `{"cells":${cells}${conditionsJson}${includedObject(served, transformVersion, value, object, includeObject)}}`;
}

function includedObject(
  served: ServedResource,
  transformVersion: string,
  value: string,
  { metadata }: KubeObject,
  includeObject: IncludeObject,
): string {
  switch (includeObject) {
    case 'None':
      return '';
    case 'Metadata':
      return `,"object":{"kind":"PartialObjectMetadata","apiVersion":"${transformVersion}","metadata":${JSON.stringify(metadata)}}`;
    case 'Object':
      return `,"object":${objectJson(served, value)}`;
  }
}
