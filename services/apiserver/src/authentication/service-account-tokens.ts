/**
 * Tokens of service accounts: what `TokenRequest` answers with and what proves an account's identity
 * (pkg/registry/core/serviceaccount/storage/token.go, pkg/serviceaccount/claims.go).
 */

import type {
  AuthenticationV1TokenRequest,
  KubeObject,
  Pod,
  TokenRequestSpec,
} from '@orrery/api/gen/types.ts';
import { formatTime, parseTime } from '@orrery/api/meta.ts';
import { ServiceAccounts } from '@orrery/api/resources.ts';
import {
  badRequest,
  conflict,
  type FieldError,
  field,
  invalid,
  isNotFound,
  notFound,
} from '@orrery/api/status-error.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { newUid } from '@orrery/kit/random.ts';
import type { JwtSigner } from './jwt.ts';
import {
  AUTHENTICATED,
  CREDENTIAL_ID,
  serviceAccountGroups,
  serviceAccountUserName,
  type User,
} from './user.ts';

/** Who issues the tokens, and the audience of those that name none: the apiserver itself. */
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';

const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

/**
 * What admission asks for the tokens that it mounts. Clients that never read the file again would fail after an
 * hour, so that these tokens last a year and only say that they want to be replaced earlier.
 */
const MOUNTED_SECONDS = 3607;
const EXTENDED_SECONDS = 365 * 86_400;

/** How far clocks may differ, and how long something deleted is still believed to be there. */
const LEEWAY_SECONDS = 60;

interface Reference {
  name: string;
  uid: string;
}

interface BoundObjects {
  pod?: Reference;
  node?: Reference;
  secret?: Reference;
}

interface Claims {
  aud: string[];
  exp: number;
  iat: number;
  iss: string;
  jti: string;
  'kubernetes.io': BoundObjects & { namespace: string; serviceaccount: Reference; warnafter?: number };
  nbf: number;
  sub: string;
}

/** Why a token proves nothing; the message may be shown to who sent it. */
export class TokenError extends Error {}

/** Reads an object of the core group by its plural. @throws StatusError NotFound */
export type ObjectReader = (resource: string, namespace: string, name: string) => Promise<KubeObject>;

export interface ServiceAccountTokensOptions {
  signer: JwtSigner;
  read: ObjectReader;
  /** The cluster's clock. */
  clock: Clock;
}

export class ServiceAccountTokens {
  readonly #signer: JwtSigner;
  readonly #read: ObjectReader;
  readonly #clock: Clock;

  constructor({ signer, read, clock }: ServiceAccountTokensOptions) {
    this.#signer = signer;
    this.#read = read;
    this.#clock = clock;
  }

  /**
   * The request with its defaults and with the token in its status.
   * @throws StatusError 404 for an account or object that is not there, 422 and 400 for what cannot be asked, 409 for
   * another object of the name.
   */
  async issue(
    namespace: string,
    accountName: string,
    request: AuthenticationV1TokenRequest,
  ): Promise<AuthenticationV1TokenRequest> {
    const account = await this.#read(ServiceAccounts.resource, namespace, accountName);
    const spec: TokenRequestSpec = { ...request.spec };
    spec.expirationSeconds ??= DEFAULT_SECONDS;
    if ((spec.audiences ?? []).length === 0) spec.audiences = [ISSUER];
    refuseInvalid(request, spec, account);
    const bound = await this.#boundObjects(namespace, accountName, spec);
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const expiresAt = nowSeconds + spec.expirationSeconds;
    const isExtended =
      spec.expirationSeconds === MOUNTED_SECONDS &&
      bound.pod !== undefined &&
      spec.audiences!.includes(ISSUER);
    const claims: Claims = {
      aud: spec.audiences!,
      exp: isExtended ? nowSeconds + EXTENDED_SECONDS : expiresAt,
      iat: nowSeconds,
      iss: ISSUER,
      jti: newUid(),
      'kubernetes.io': {
        namespace,
        ...bound,
        serviceaccount: { name: accountName, uid: account.metadata.uid },
        ...(isExtended ? { warnafter: expiresAt } : {}),
      },
      nbf: nowSeconds,
      sub: serviceAccountUserName(namespace, accountName),
    };
    return {
      metadata: { name: accountName, namespace, creationTimestamp: formatTime(this.#clock.now()) },
      spec,
      status: { token: this.#signer.sign(claims), expirationTimestamp: formatTime(expiresAt * 1000) },
    };
  }

  /** The object that the token lives and dies with, and the node of a pod. */
  async #boundObjects(
    namespace: string,
    accountName: string,
    { boundObjectRef: reference }: TokenRequestSpec,
  ): Promise<BoundObjects> {
    if (reference === undefined) return {};
    const { apiVersion = '', kind = '', name = '', uid } = reference;
    const resource = apiVersion.includes('/') ? undefined : BOUND_RESOURCES[kind];
    if (resource === undefined) {
      const slash = apiVersion.includes('/') ? '' : '/';
      throw badRequest(`cannot bind token to object of type ${slash}${apiVersion}, Kind=${kind}`);
    }
    const object = await this.#read(resource, kind === 'Node' ? '' : namespace, name);
    if (kind === 'Pod' && (object as Pod).spec.serviceAccountName !== accountName) {
      throw badRequest(
        `cannot bind token for serviceaccount ${JSON.stringify(accountName)} to pod running with different serviceaccount name.`,
      );
    }
    if (uid !== undefined && uid !== '' && uid !== object.metadata.uid) {
      throw conflict(
        { group: '', resource: kind },
        name,
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    }
    const found = { name, uid: object.metadata.uid };
    if (kind === 'Secret') return { secret: found };
    if (kind === 'Node') return { node: found };
    return { pod: found, ...(await this.#nodeOf(object as Pod)) };
  }

  /** A node that is gone already is named without its uid. */
  async #nodeOf({ spec }: Pod): Promise<{ node?: Reference }> {
    const name = spec.nodeName ?? '';
    if (name === '') return {};
    const node = await this.#find('nodes', '', name);
    return { node: { name, uid: node?.metadata.uid ?? '' } };
  }

  async #find(resource: string, namespace: string, name: string): Promise<KubeObject | undefined> {
    try {
      return await this.#read(resource, namespace, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /**
   * The user whom a token proves, and those of `audiences` that it is meant for.
   * @throws TokenError when it proves nobody
   */
  async authenticate(
    token: string,
    audiences: readonly string[] = [ISSUER],
  ): Promise<{ user: User; audiences: string[] }> {
    const claims = this.#signer.verify(token) as Claims | undefined;
    if (claims === undefined || claims.iss !== ISSUER) throw new TokenError('invalid bearer token');
    const shared = audiences.filter((each) => claims.aud.includes(each));
    if (shared.length === 0) {
      throw new TokenError(
        `token audiences ${goList(claims.aud)} is invalid for the target audiences ${goList(audiences)}`,
      );
    }
    const nowSeconds = this.#clock.now() / 1000;
    if (nowSeconds > claims.exp + LEEWAY_SECONDS) throw new TokenError('service account token has expired');
    if (nowSeconds < claims.nbf - LEEWAY_SECONDS)
      throw new TokenError('service account token is not valid yet');
    await this.#requireStillThere(claims['kubernetes.io']);
    return { user: userOf(claims), audiences: shared };
  }

  /** A token ends with its account and with what it is bound to; a node only counts where it is the bound object. */
  async #requireStillThere({
    namespace,
    serviceaccount,
    pod,
    secret,
    node,
  }: Claims['kubernetes.io']): Promise<void> {
    const { name, uid } = serviceaccount;
    const account = await this.#find(ServiceAccounts.resource, namespace, name);
    if (account === undefined) throw new TokenError(notFound(ServiceAccounts, name).message);
    if (this.#isLongDeleted(account)) {
      throw new TokenError(`service account ${namespace}/${name} has been deleted`);
    }
    if (account.metadata.uid !== uid) {
      throw new TokenError(`service account UID (${account.metadata.uid}) does not match claim (${uid})`);
    }
    const bound = pod ?? secret ?? node;
    if (bound === undefined) return;
    const resource = pod !== undefined ? 'pods' : secret !== undefined ? 'secrets' : 'nodes';
    const object = await this.#find(resource, resource === 'nodes' ? '' : namespace, bound.name);
    if (object === undefined || object.metadata.uid !== bound.uid || this.#isLongDeleted(object)) {
      throw new TokenError('service account token has been invalidated');
    }
  }

  #isLongDeleted({ metadata }: KubeObject): boolean {
    const { deletionTimestamp } = metadata;
    if (deletionTimestamp === undefined) return false;
    return parseTime(deletionTimestamp) < this.#clock.now() - LEEWAY_SECONDS * 1000;
  }
}

const BOUND_RESOURCES: Readonly<Record<string, string | undefined>> = {
  Node: 'nodes',
  Pod: 'pods',
  Secret: 'secrets',
};

function refuseInvalid(
  { metadata = {} }: AuthenticationV1TokenRequest,
  { expirationSeconds = 0 }: TokenRequestSpec,
  account: KubeObject,
): void {
  const errors: FieldError[] = [];
  const { name = '', namespace = '' } = metadata;
  if (name !== '' && name !== account.metadata.name) {
    errors.push(field.invalid('metadata.name', name, 'must match the service account name if specified'));
  }
  if (namespace !== '' && namespace !== account.metadata.namespace) {
    const why = 'must match the service account namespace if specified';
    errors.push(field.invalid('metadata.namespace', namespace, why));
  }
  const path = 'spec.expirationSeconds';
  if (expirationSeconds < MIN_SECONDS) {
    errors.push(field.invalid(path, expirationSeconds, 'may not specify a duration less than 10 minutes'));
  }
  if (expirationSeconds > MAX_SECONDS) {
    errors.push(
      field.invalid(path, expirationSeconds, 'may not specify a duration larger than 2^32 seconds'),
    );
  }
  if (errors.length > 0) {
    throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest', name: '' }, errors);
  }
}

function userOf({ jti, sub, 'kubernetes.io': { namespace, serviceaccount, pod, node } }: Claims): User {
  const extra: Record<string, string[]> = { [CREDENTIAL_ID]: [`JTI=${jti}`] };
  for (const [kind, reference] of [
    ['node', node],
    ['pod', pod],
  ] as const) {
    if (reference === undefined) continue;
    extra[`authentication.kubernetes.io/${kind}-name`] = [reference.name];
    if (reference.uid !== '') extra[`authentication.kubernetes.io/${kind}-uid`] = [reference.uid];
  }
  const groups = [...serviceAccountGroups(namespace), AUTHENTICATED];
  return { name: sub, uid: serviceaccount.uid, groups, extra };
}

/** As Go prints a list of strings with %q. */
function goList(words: readonly string[]): string {
  return `[${words.map((each) => JSON.stringify(each)).join(' ')}]`;
}
