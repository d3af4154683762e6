/** Who makes a request, as authentication found out (k8s.io/apiserver/pkg/authentication/user). */

import type { UserInfo } from '@orrery/api/gen/types.ts';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  /** Of the account, where it has one. */
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Everybody who has proved to be somebody. */
export const AUTHENTICATED = 'system:authenticated';

/** Which certificate or token it was. */
export const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** All service accounts; those of one namespace are in a group of their own besides. */
export const SERVICE_ACCOUNTS = 'system:serviceaccounts';

const ACCOUNT_PREFIX = 'system:serviceaccount:';

export function serviceAccountUserName(namespace: string, name: string): string {
  return `${ACCOUNT_PREFIX}${namespace}:${name}`;
}

export function serviceAccountGroups(namespace: string): string[] {
  return [SERVICE_ACCOUNTS, `${SERVICE_ACCOUNTS}:${namespace}`];
}

/** The namespace in the user name of a service account; undefined for every other user. */
export function serviceAccountNamespace(userName: string): string | undefined {
  if (!userName.startsWith(ACCOUNT_PREFIX)) return undefined;
  const [namespace, name, ...more] = userName.slice(ACCOUNT_PREFIX.length).split(':');
  return namespace === '' || (name ?? '') === '' || more.length > 0 ? undefined : namespace;
}

/** As reviews show it. */
export function userInfo({ name, uid, groups, extra }: User): UserInfo {
  const info: UserInfo = { username: name, groups: [...groups] };
  if (uid !== undefined) info.uid = uid;
  if (extra !== undefined) {
    info.extra = Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
  }
  return info;
}
