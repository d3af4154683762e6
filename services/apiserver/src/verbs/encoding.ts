/** Between objects and what the store keeps: JSON without kind and apiVersion. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { newUid } from '@orrery/kit/random.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { ResourceName, Stored, ValueWithGap } from '../store/store.ts';
import { qualifiedResource } from '@orrery/api/status-error.ts';

/** Stands where the store writes the revision. Random, so that no text of a user can look like it. */
const GAP = newUid();
const QUOTED_GAP = JSON.stringify(GAP);

export function storeName({ ref }: ResourceDefinition): ResourceName {
  return qualifiedResource(ref);
}

/** The object's JSON with a gap for the revision; metadata first, kind and apiVersion left out. */
export function encodeObject(object: KubeObject): ValueWithGap {
  const { metadata, kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  const { resourceVersion: _revision, ...others } = metadata;
  const text = JSON.stringify({ metadata: { ...others, resourceVersion: GAP }, ...rest });
  const at = text.indexOf(QUOTED_GAP);
  return { head: text.slice(0, at + 1), tail: text.slice(at + QUOTED_GAP.length - 1) };
}

/** The same without a revision: what the creation of the object would store. */
export function encodeUnstored(object: KubeObject): string {
  const { metadata, kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  const { resourceVersion: _revision, ...others } = metadata;
  return JSON.stringify({ metadata: others, ...rest });
}

export function decodeObject(stored: Pick<Stored, 'value'>): KubeObject {
  return JSON.parse(stored.value) as KubeObject;
}
