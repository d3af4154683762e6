/**
 * Who may come in: holders of a certificate of the cluster's authority. The group system:masters may do
 * everything, others nothing yet, and without a certificate only health and version are open.
 */

import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { qualifiedResource, StatusError, unauthorized } from '@orrery/api/status-error.ts';
import type { RequestInfo } from './request-info.ts';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const ADMINISTRATORS = 'system:masters';
const AUTHENTICATED = 'system:authenticated';

/** A connection proves its user once, in the handshake. */
const userBySocket = new WeakMap<TLSSocket, User>();

/**
 * The user of a request. Administrators may act for somebody else (`kubectl --as`).
 *
 * @throws StatusError 401 for a certificate of a stranger and for tokens, of which there are none; 403 for an
 * impersonation that is not allowed.
 */
export function authenticate(request: IncomingMessage): User {
  const socket = request.socket as TLSSocket;
  let user = userBySocket.get(socket);
  if (user === undefined) {
    user = userOfCertificate(socket);
    userBySocket.set(socket, user);
  }
  if (user === ANONYMOUS && request.headers.authorization !== undefined) throw unauthorized();
  return request.headers['impersonate-user'] === undefined ? user : impersonate(request, user);
}

function userOfCertificate(socket: TLSSocket): User {
  const { subject } = socket.getPeerCertificate();
  // No certificate: Node gives an empty object.
  if (subject === undefined) return ANONYMOUS;
  if (!socket.authorized) throw unauthorized();
  const attributes = subject as unknown as Record<string, string | string[] | undefined>;
  const name = attributes['CN'];
  if (typeof name !== 'string' || name === '') throw unauthorized();
  return { name, groups: [...[attributes['O'] ?? []].flat(), AUTHENTICATED] };
}

function impersonate(request: IncomingMessage, user: User): User {
  const { headersDistinct } = request;
  const name = headersDistinct['impersonate-user']?.[0] ?? '';
  if (!isAdministrator(user)) {
    throw new StatusError(
      403,
      'Forbidden',
      `users ${JSON.stringify(name)} is forbidden: User ${JSON.stringify(user.name)} cannot impersonate resource "users" in API group "" at the cluster scope`,
      { name, kind: 'users' },
    );
  }
  return { name, groups: [...(headersDistinct['impersonate-group'] ?? []), AUTHENTICATED] };
}

function isAdministrator({ groups }: User): boolean {
  return groups.includes(ADMINISTRATORS);
}

const PUBLIC_PATHS = ['/healthz', '/livez', '/readyz', '/version'];

function isPublic({ path, verb }: RequestInfo): boolean {
  if (verb !== 'get' && verb !== 'head') return false;
  return PUBLIC_PATHS.some((each) => path === each || path.startsWith(`${each}/`));
}

/** @throws StatusError 401 for a stranger, 403 for a user who may not do this. */
export function authorize(user: User, info: RequestInfo): void {
  if (isAdministrator(user) || isPublic(info)) return;
  throw user === ANONYMOUS ? unauthorized() : forbidden(user, info);
}

/** In the words of apiserver/pkg/endpoints/handlers/responsewriters/errors.go. */
function forbidden({ name: user }: User, info: RequestInfo): StatusError {
  const who = `User ${JSON.stringify(user)} cannot ${info.verb}`;
  if (!info.isResource) {
    return new StatusError(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(info.path)}`, {});
  }
  const { group, resource, subresource, namespace, name } = info;
  const path = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const subject = `${qualifiedResource({ group, resource })}${name === '' ? '' : ` ${JSON.stringify(name)}`}`;
  return new StatusError(
    403,
    'Forbidden',
    `${subject} is forbidden: ${who} resource ${JSON.stringify(path)} in API group ${JSON.stringify(group)} ${where}`,
    { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: resource },
  );
}
