/** Lines of a watch: each event encoded once per form, however many clients watch. */

import type { StatusError } from '@orrery/api/status-error.ts';
import type { StoreEvent } from '../store/store.ts';
import type { WatchEvent } from '../verbs/api.ts';
import type { ServedResource } from './catalog.ts';
import { objectJson } from './conversion.ts';
import type { Form } from './negotiation.ts';
import { partialMetadataJson } from './render.ts';
import { bookmarkTableJson, type IncludeObject, tableJson } from './table.ts';

export interface BookmarkMetadata {
  resourceVersion: string;
  annotations?: Record<string, string>;
}

function line(type: string, object: string): Buffer {
  return Buffer.from(`{"type":"${type}","object":${object}}\n`);
}

export function errorLine(error: StatusError): Buffer {
  return line('ERROR', JSON.stringify(error.toStatus()));
}

/** Makes the lines of all watches of one resource in one form. */
export class EventEncoder {
  readonly #served: ServedResource;
  readonly #form: Form;
  readonly #includeObject: IncludeObject;
  /** Buffers live as long as the log entry that they encode. */
  readonly #lines = new WeakMap<StoreEvent, Buffer>();

  constructor(served: ServedResource, form: Form, includeObject: IncludeObject) {
    this.#served = served;
    this.#form = form;
    this.#includeObject = includeObject;
  }

  /** `isFirst`: the first event of a Table watch, which alone carries the columns. */
  encode(event: WatchEvent, isFirst: boolean, nowMs: number): Buffer {
    const { source } = event;
    if (source === undefined || (isFirst && this.#form.transform === 'Table')) {
      return line(event.type, this.#object(event, isFirst, nowMs));
    }
    let bytes = this.#lines.get(source);
    if (bytes === undefined) {
      bytes = line(event.type, this.#object(event, false, nowMs));
      this.#lines.set(source, bytes);
    }
    return bytes;
  }

  #object({ value, revision }: WatchEvent, withColumns: boolean, nowMs: number): string {
    const { transform, transformVersion } = this.#form;
    switch (transform) {
      case 'Table': {
        const metadata = { resourceVersion: String(revision) };
        const options = { includeObject: this.#includeObject, nowMs };
        return tableJson(this.#served, transformVersion, [value], metadata, options, withColumns);
      }
      case 'PartialObjectMetadata':
      case 'PartialObjectMetadataList':
        return partialMetadataJson(transformVersion, value);
      case undefined:
        return objectJson(this.#served, value);
    }
  }

  /** Says how far the watch has come. The kind is the watched one: reflectors check it. */
  bookmark(metadata: BookmarkMetadata): Buffer {
    const { transform, transformVersion } = this.#form;
    switch (transform) {
      case 'Table':
        return line('BOOKMARK', bookmarkTableJson(this.#served, transformVersion, metadata));
      case 'PartialObjectMetadata':
      case 'PartialObjectMetadataList':
        return line(
          'BOOKMARK',
          JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: transformVersion, metadata }),
        );
      case undefined: {
        const { kind, apiVersion } = this.#served;
        return line('BOOKMARK', JSON.stringify({ kind, apiVersion, metadata }));
      }
    }
  }
}

const encoders = new WeakMap<ServedResource, Map<string, EventEncoder>>();

/** The encoder that all watches of this resource in this form share. */
export function sharedEncoder(
  served: ServedResource,
  form: Form,
  includeObject: IncludeObject,
): EventEncoder {
  const ofResource = encoders.get(served) ?? new Map<string, EventEncoder>();
  encoders.set(served, ofResource);
  const key = `${form.transform ?? ''} ${form.transformVersion} ${includeObject}`;
  const known = ofResource.get(key);
  if (known !== undefined) return known;
  const encoder = new EventEncoder(served, form, includeObject);
  ofResource.set(key, encoder);
  return encoder;
}
