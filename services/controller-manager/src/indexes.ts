/** Indexes that several controllers share on one informer. */

import type { KubeObject, Pod } from '@orrery/api/gen/types.ts';
import { controllerOf } from '@orrery/api/meta.ts';
import type { IndexFunction, Informer } from '@orrery/client/informer.ts';

export interface Index<T extends KubeObject> {
  readonly name: string;
  readonly values: IndexFunction<T>;
}

const installed = new WeakMap<Informer<never>, Set<string>>();

/**
 * Adds the index unless another controller has done so, and returns its lookup. To be called
 * while controllers are made, before the informers start.
 */
export function indexed<T extends KubeObject>(
  informer: Informer<T>,
  index: Index<T>,
): (value: string) => T[] {
  const key = informer as unknown as Informer<never>;
  const names = installed.get(key) ?? new Set();
  installed.set(key, names);
  if (!names.has(index.name)) {
    names.add(index.name);
    informer.addIndex(index.name, index.values);
  }
  return (value) => informer.lister.byIndex(index.name, value);
}

/** Objects by the uid of the owner that manages them. */
export const BY_CONTROLLER: Index<KubeObject> = {
  name: 'controllerUid',
  values: (object) => {
    const owner = controllerOf(object);
    return owner === undefined ? [] : [owner.uid];
  },
};

/** Objects that nothing manages, by namespace: what may be adopted. */
export const ORPHANS_BY_NAMESPACE: Index<KubeObject> = {
  name: 'orphansByNamespace',
  values: (object) => (controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : []),
};

export const PODS_BY_NODE: Index<Pod> = {
  name: 'nodeName',
  values: ({ spec }) => (spec.nodeName === undefined || spec.nodeName === '' ? [] : [spec.nodeName]),
};
