/** Objects and lists in the form that was negotiated, as JSON text. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { ListResult } from '../verbs/api.ts';
import type { ServedResource } from './catalog.ts';
import { itemJson, objectJson } from './conversion.ts';
import type { Form } from './negotiation.ts';
import { type IncludeObject, tableJson } from './table.ts';

/** How to render besides the negotiated form. */
export interface RenderOptions {
  /** What rows of a Table carry. */
  includeObject: IncludeObject;
  /** Epoch ms of the cluster's clock, for ages. */
  nowMs: number;
}

/** One object. */
export function renderObject(
  served: ServedResource,
  form: Form,
  value: string,
  options: RenderOptions,
): string {
  switch (form.transform) {
    case 'Table': {
      const { resourceVersion } = metadataOf(value);
      return tableJson(served, form.transformVersion, [value], { resourceVersion }, options);
    }
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return partialMetadataJson(form.transformVersion, value);
    case undefined:
      return objectJson(served, value);
  }
}

/** A page of a list. */
export function renderList(
  served: ServedResource,
  form: Form,
  { items, revision, continueToken, remainingItemCount }: ListResult,
  options: RenderOptions,
): string {
  // Undefined properties are left out.
  const metadata = { resourceVersion: String(revision), continue: continueToken, remainingItemCount };
  const values = items.map(({ value }) => value);
  switch (form.transform) {
    case 'Table':
      return tableJson(served, form.transformVersion, values, metadata, options);
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return listJson(
        'PartialObjectMetadataList',
        form.transformVersion,
        metadata,
        values.map((value) => partialMetadataJson(form.transformVersion, value)),
      );
    case undefined:
      return listJson(
        `${served.kind}List`,
        served.apiVersion,
        metadata,
        served.isStoredForm ? values : values.map((value) => itemJson(served, value)),
      );
  }
}

function listJson(kind: string, apiVersion: string, metadata: object, items: readonly string[]): string {
  return `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"items":[${items.join(',')}]}`;
}

/** Kind PartialObjectMetadata: nothing but the metadata. */
export function partialMetadataJson(transformVersion: string, value: string): string {
  const metadata = JSON.stringify(metadataOf(value));
  return `{"kind":"PartialObjectMetadata","apiVersion":"${transformVersion}","metadata":${metadata}}`;
}

function metadataOf(value: string): KubeObject['metadata'] {
  return (JSON.parse(value) as KubeObject).metadata;
}
