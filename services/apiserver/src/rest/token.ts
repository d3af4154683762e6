/** The token subresource of service accounts: what `kubectl create token` asks for. */

import type { AuthenticationV1TokenRequest } from '@orrery/api/gen/types.ts';
import type { ExpectedKind } from './decode.ts';
import type { Edge } from './edge.ts';
import type { Exchange } from './exchange.ts';
import { plainForms } from './negotiation.ts';
import { readObject } from './objects.ts';
import { sendJson } from './respond.ts';
import type { Target } from './router.ts';
import { dryRunOf, fieldValidationOf } from './write-options.ts';

const TOKEN_REQUEST: ExpectedKind = { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1' };

/** Nothing is stored, so that a dry run differs in nothing. @throws StatusError as `ServiceAccountTokens.issue` */
export async function createToken(
  { tokens }: Edge,
  exchange: Exchange,
  { namespace, name }: Target,
): Promise<void> {
  const { encoding } = plainForms.negotiate(exchange.request.headers.accept);
  dryRunOf(exchange, 'CreateOptions');
  const validation = fieldValidationOf(exchange, 'CreateOptions');
  const request = (await readObject(exchange, TOKEN_REQUEST, validation)) as AuthenticationV1TokenRequest;
  const answer = await tokens.issue(namespace, name, request);
  const typeMeta = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1' };
  await sendJson(exchange, 201, encoding, JSON.stringify({ ...typeMeta, ...answer }));
}
