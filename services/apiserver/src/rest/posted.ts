/** Resources that are only ever posted: bindings, and reviews of who somebody is (authentication.k8s.io). */

import type { SelfSubjectReview, TokenReview, TokenReviewStatus } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { badRequest } from '@orrery/api/status-error.ts';
import { TokenError } from '../authentication/service-account-tokens.ts';
import { userInfo } from '../authentication/user.ts';
import { createBinding } from './binding.ts';
import type { PostedResource } from './catalog.ts';
import type { ExpectedKind } from './decode.ts';
import type { Edge } from './edge.ts';
import type { Exchange } from './exchange.ts';
import { plainForms } from './negotiation.ts';
import { readObject } from './objects.ts';
import { optional } from './query.ts';
import { sendJson } from './respond.ts';
import { dryRunOf, fieldValidationOf } from './write-options.ts';

/** Carries out a creation of one of them. @throws StatusError whatever refuses it. */
export async function createPosted(
  edge: Edge,
  exchange: Exchange,
  { plural }: PostedResource,
): Promise<void> {
  switch (plural) {
    case 'bindings':
      // Names its pod in the body.
      return createBinding(edge, exchange, { namespace: exchange.info.namespace, name: '' });
    case 'selfsubjectreviews':
      return createSelfSubjectReview(edge, exchange);
    case 'tokenreviews':
      return createTokenReview(edge, exchange);
  }
}

const GROUP_VERSION = { group: 'authentication.k8s.io', version: 'v1' };
const API_VERSION = 'authentication.k8s.io/v1';

/** The body of a review, after everything that may be wrong with the request. */
async function readReview<T>(
  exchange: Exchange,
  kind: string,
): Promise<{ review: T; send: (answer: object) => Promise<void> }> {
  const { encoding } = plainForms.negotiate(exchange.request.headers.accept);
  dryRunOf(exchange, 'CreateOptions');
  const expected: ExpectedKind = { kind, ...GROUP_VERSION };
  const validation = fieldValidationOf(exchange, 'CreateOptions');
  const review = (await readObject(exchange, expected, validation)) as T;
  const send = (answer: object): Promise<void> =>
    sendJson(exchange, 201, encoding, JSON.stringify({ kind, apiVersion: API_VERSION, ...answer }));
  return { review, send };
}

/** `kubectl auth whoami`. */
async function createSelfSubjectReview({ clock }: Edge, exchange: Exchange): Promise<void> {
  const { send } = await readReview<SelfSubjectReview>(exchange, 'SelfSubjectReview');
  const metadata = { creationTimestamp: formatTime(clock.now()) };
  await send({ metadata, status: { userInfo: userInfo(exchange.user) } });
}

/** Whom a token proves. A token that proves nobody is an answer, too. */
async function createTokenReview(edge: Edge, exchange: Exchange): Promise<void> {
  const { review, send } = await readReview<TokenReview>(exchange, 'TokenReview');
  const { token = '', audiences = [] }: Partial<TokenReview['spec']> = review.spec ?? {};
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  await send({ ...review, status: await reviewToken(edge, token, audiences) });
}

async function reviewToken(
  { tokens }: Edge,
  token: string,
  audiences: readonly string[],
): Promise<TokenReviewStatus> {
  try {
    const found = await tokens.authenticate(token, audiences.length === 0 ? undefined : audiences);
    const status = { authenticated: true, user: userInfo(found.user) };
    return { ...status, ...optional('audiences', audiences.length === 0 ? undefined : found.audiences) };
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return { user: {}, error: error.message };
  }
}
