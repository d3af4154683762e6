/**
 * Who may come in: holders of a certificate of the cluster's authority, and of a token of a service account. There
 * are no roles yet: the group system:masters and service accounts may do everything, others nothing, and strangers
 * may see health and version only.
 */

import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { qualifiedResource, StatusError, unauthorized } from '@orrery/api/status-error.ts';
import { type ServiceAccountTokens, TokenError } from '../authentication/service-account-tokens.ts';
import {
  AUTHENTICATED,
  CREDENTIAL_ID,
  SERVICE_ACCOUNTS,
  serviceAccountGroups,
  serviceAccountNamespace,
  type User,
} from '../authentication/user.ts';
import type { RequestInfo } from './request-info.ts';

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const ADMINISTRATORS = 'system:masters';

/** A connection proves its user once, in the handshake. */
const userBySocket = new WeakMap<TLSSocket, User>();

/**
 * The user of a request: that of the certificate, else that of the token. Administrators may act for somebody else
 * (`kubectl --as`).
 *
 * @throws StatusError 401 for a certificate of a stranger and for a token that proves nobody; 403 for an impersonation
 * that is not allowed.
 */
export async function authenticate(request: IncomingMessage, tokens: ServiceAccountTokens): Promise<User> {
  const { authorization } = request.headers;
  const certified = userOfSocket(request.socket as TLSSocket);
  const user =
    certified === ANONYMOUS && authorization !== undefined
      ? await userOfToken(authorization, tokens)
      : certified;
  return request.headers['impersonate-user'] === undefined ? user : impersonate(request, user);
}

async function userOfToken(authorization: string, tokens: ServiceAccountTokens): Promise<User> {
  const [, token] = /^bearer +(\S+)$/i.exec(authorization.trim()) ?? [];
  if (token === undefined) throw unauthorized();
  try {
    return (await tokens.authenticate(token)).user;
  } catch (error) {
    throw error instanceof TokenError ? unauthorized() : error;
  }
}

function userOfSocket(socket: TLSSocket): User {
  let user = userBySocket.get(socket);
  if (user === undefined) {
    user = userOfCertificate(socket);
    userBySocket.set(socket, user);
  }
  return user;
}

function userOfCertificate(socket: TLSSocket): User {
  const { subject, fingerprint256 } = socket.getPeerCertificate();
  // No certificate: Node gives an empty object.
  if (subject === undefined) return ANONYMOUS;
  if (!socket.authorized) throw unauthorized();
  const attributes = subject as unknown as Record<string, string | string[] | undefined>;
  const name = attributes['CN'];
  if (typeof name !== 'string' || name === '') throw unauthorized();
  const fingerprint = fingerprint256.replaceAll(':', '').toLowerCase();
  return {
    name,
    groups: [...[attributes['O'] ?? []].flat(), AUTHENTICATED],
    extra: { [CREDENTIAL_ID]: [`X509SHA256=${fingerprint}`] },
  };
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
  const groups = headersDistinct['impersonate-group'] ?? [];
  const namespace = serviceAccountNamespace(name);
  // Who acts for a service account is in its groups, unless others are named.
  const own = namespace === undefined || groups.length > 0 ? [] : serviceAccountGroups(namespace);
  return { name, groups: [...groups, ...own, AUTHENTICATED] };
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
  if (isAdministrator(user) || user.groups.includes(SERVICE_ACCOUNTS) || isPublic(info)) return;
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
