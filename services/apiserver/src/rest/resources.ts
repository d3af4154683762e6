/** From a target and a verb to its handler. */

import { methodNotAllowed } from '@orrery/api/status-error.ts';
import { createBinding } from './binding.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import type { Edge } from './edge.ts';
import { createEviction } from './eviction.ts';
import type { Exchange } from './exchange.ts';
import { createObject, getObject, listObjects, updateObject } from './objects.ts';
import type { UpdateOptions } from '../verbs/api.ts';
import { patchObject } from './patch.ts';
import type { Target } from './router.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { podLog } from './streaming/pod-log.ts';
import { podPortForward } from './streaming/port-forward.ts';
import { podAttach, podExec } from './streaming/remote-command.ts';
import { createToken } from './token.ts';
import { watchObjects } from './watch.ts';

type Handler = (edge: Edge, exchange: Exchange, target: Target) => Promise<void>;

const OBJECT_HANDLERS: Readonly<Record<string, Handler>> = {
  get: getObject,
  list: listObjects,
  watch: watchObjects,
  create: createObject,
  update: (...args) => updateObject(...args, { subresource: '' }),
  patch: (...args) => patchObject(...args, { subresource: '' }),
  delete: deleteObject,
  deletecollection: deleteCollection,
};

/** A subresource that shows the whole object and writes part of it. */
function partHandlers(subresource: UpdateOptions['subresource']): Readonly<Record<string, Handler>> {
  return {
    get: getObject,
    update: (...args) => updateObject(...args, { subresource }),
    patch: (...args) => patchObject(...args, { subresource }),
  };
}

/** By subresource and verb; "" is the object itself. */
const HANDLERS: Readonly<Record<Target['subresource'], Readonly<Record<string, Handler>>>> = {
  '': OBJECT_HANDLERS,
  status: partHandlers('status'),
  ephemeralcontainers: partHandlers('ephemeralcontainers'),
  resize: partHandlers('resize'),
  finalize: { update: (...args) => updateObject(...args, { subresource: 'finalize' }) },
  scale: { get: getScale, update: updateScale, patch: patchScale },
  log: { get: podLog },
  exec: { get: podExec, create: podExec },
  attach: { get: podAttach, create: podAttach },
  portforward: { get: podPortForward, create: podPortForward },
  binding: { create: createBinding },
  eviction: { create: createEviction },
  token: { create: createToken },
};

/** Carries out a request about a resource. @throws StatusError whatever refuses it. */
export async function serveResource(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const { deprecation } = target.served.version;
  if (deprecation !== undefined) exchange.warnings.push(deprecation);
  const handler = HANDLERS[target.subresource][exchange.info.verb];
  if (handler === undefined) throw methodNotAllowed();
  await handler(edge, exchange, target);
}
