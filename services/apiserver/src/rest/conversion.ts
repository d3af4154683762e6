/** Between the form of an object that a client speaks and the one that is stored. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { ServedResource } from './catalog.ts';

/** From the client's form to the stored one, with the defaults of the client's version. May change its argument. */
export function toStored({ version }: ServedResource, object: KubeObject): KubeObject {
  version.defaults?.(object);
  return version.toStored?.(object) ?? object;
}

/** From the stored form to the client's. May change its argument. */
export function fromStored({ version }: ServedResource, object: KubeObject): KubeObject {
  return version.fromStored?.(object) ?? object;
}

/** The JSON of a stored value in the client's form, with kind and apiVersion in front. */
export function objectJson(served: ServedResource, value: string): string {
  const own = served.isStoredForm ? value : JSON.stringify(convertValue(served, value));
  return `${typeHead(served)}${own.slice(1)}`;
}

/** The JSON of a stored value in the client's form, without kind and apiVersion: an item of a list. */
export function itemJson(served: ServedResource, value: string): string {
  return served.isStoredForm ? value : JSON.stringify(convertValue(served, value));
}

function convertValue(served: ServedResource, value: string): object {
  const object = fromStored(served, JSON.parse(value) as KubeObject);
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  return rest;
}

/** The start of an object's JSON. Stored values are never empty, so a comma can follow. */
function typeHead({ kind, apiVersion }: ServedResource): string {
  return `{"kind":"${kind}","apiVersion":"${apiVersion}",`;
}
