/** Puts the tokens of service accounts together with the objects that they depend on. */

import type { KeyObject } from 'node:crypto';
import type { Clock } from '@orrery/kit/clock.ts';
import { definitions } from '../registry/index.ts';
import type { Api } from '../verbs/api.ts';
import { decodeObject } from '../verbs/encoding.ts';
import { JwtSigner } from './jwt.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';

const coreDefinitions = new Map(
  definitions.filter(({ ref }) => ref.group === '').map((each) => [each.ref.resource, each]),
);

export interface TokensOptions {
  api: Api;
  /** Signs the tokens; on the curve P-256. */
  key: KeyObject;
  /** The cluster's clock. */
  clock: Clock;
}

export function createServiceAccountTokens({ api, key, clock }: TokensOptions): ServiceAccountTokens {
  return new ServiceAccountTokens({
    signer: new JwtSigner(key),
    clock,
    read: async (resource, namespace, name) =>
      decodeObject(await api.get(coreDefinitions.get(resource)!, namespace, name)),
  });
}
