/** Puts the verbs together. */

import type { Api } from './api.ts';
import { bind } from './bind.ts';
import { create } from './create.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import { asStatus, type VerbDependencies } from './dependencies.ts';
import { evict } from './evict.ts';
import { compileFieldSelector } from './field-selector.ts';
import { get, list } from './read.ts';
import { modify, update } from './update.ts';
import { watch } from './watch.ts';
import { podsDefinition } from '../registry/pod.ts';

export function createApi(dependencies: VerbDependencies): Api {
  return {
    get: (...args) => asStatus(() => get(dependencies, ...args)),
    list: (...args) => asStatus(() => list(dependencies, ...args)),
    create: (...args) => asStatus(() => create(dependencies, ...args)),
    update: (...args) => asStatus(() => update(dependencies, ...args)),
    modify: (...args) => asStatus(() => modify(dependencies, ...args)),
    delete: (...args) => asStatus(() => deleteObject(dependencies, ...args)),
    deleteCollection: (...args) => asStatus(() => deleteCollection(dependencies, ...args)),
    bind: (...args) => asStatus(() => bind(dependencies, podsDefinition, ...args)),
    evict: (...args) => asStatus(() => evict(dependencies, podsDefinition, ...args)),
    watch: (...args) => asStatus(() => watch(dependencies, ...args)),
    compileFieldSelector,
  };
}
