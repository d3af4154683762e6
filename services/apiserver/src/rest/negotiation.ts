/** Which form of an answer the client gets. */

import { StatusError } from '@orrery/api/status-error.ts';
import { type MediaType, parseAccept } from './media-type.ts';

export type Encoding = 'json' | 'yaml';

/** What the answer is turned into before it is encoded. */
export type Transform = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

export interface Form {
  readonly encoding: Encoding;
  /** Undefined: the object or list as it is. */
  readonly transform: Transform | undefined;
  /** `meta.k8s.io/v1` or `meta.k8s.io/v1beta1`; meaningful with a transform. */
  readonly transformVersion: string;
}

const ENCODING_BY_TYPE: Readonly<Record<string, Encoding>> = {
  '*/*': 'json',
  'application/*': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
};

const CONTENT_TYPE: Readonly<Record<Encoding, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
};

export function contentTypeOf(encoding: Encoding): string {
  return CONTENT_TYPE[encoding];
}

/** Clients repeat a handful of Accept headers; a hostile one must not fill the memory. */
const MAX_REMEMBERED = 256;

/** Answers what a kind of request can be answered with, and remembers it per Accept header. */
export class Negotiator {
  readonly #encodings: readonly Encoding[];
  readonly #transforms: readonly Transform[];
  readonly #known = new Map<string, Form | undefined>();

  constructor(encodings: readonly Encoding[], transforms: readonly Transform[]) {
    this.#encodings = encodings;
    this.#transforms = transforms;
  }

  /** @throws StatusError 406 when nothing that the client accepts can be served. */
  negotiate(accept: string | undefined): Form {
    const key = accept ?? '';
    let form = this.#known.get(key);
    if (form === undefined && !this.#known.has(key)) {
      form = this.#firstServable(parseAccept(accept));
      if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
      this.#known.set(key, form);
    }
    if (form === undefined) throw notAcceptable(this.#encodings);
    return form;
  }

  #firstServable(clauses: readonly MediaType[]): Form | undefined {
    for (const { type, parameters } of clauses) {
      const encoding = ENCODING_BY_TYPE[type];
      if (encoding === undefined || !this.#encodings.includes(encoding)) continue;
      const { as } = parameters;
      if (as === undefined) return { encoding, transform: undefined, transformVersion: '' };
      const transform = this.#transforms.find((each) => each === as);
      const version = parameters['v'] ?? '';
      if (transform === undefined || parameters['g'] !== 'meta.k8s.io') continue;
      if (version !== 'v1' && version !== 'v1beta1') continue;
      return { encoding, transform, transformVersion: `meta.k8s.io/${version}` };
    }
    return undefined;
  }
}

function notAcceptable(encodings: readonly Encoding[]): StatusError {
  const accepted = encodings.map(contentTypeOf).join(', ');
  return new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${accepted}`);
}

/** One object: get, create, update, patch, delete. */
export const objectForms = new Negotiator(['json', 'yaml'], ['Table', 'PartialObjectMetadata']);

export const listForms = new Negotiator(['json', 'yaml'], ['Table', 'PartialObjectMetadataList']);

/** One line per event: JSON only. */
export const watchForms = new Negotiator(['json'], ['Table', 'PartialObjectMetadata']);

/** Discovery, scales and statuses: nothing to transform. */
export const plainForms = new Negotiator(['json', 'yaml'], []);

/** OpenAPI documents. */
export const jsonForms = new Negotiator(['json'], []);
