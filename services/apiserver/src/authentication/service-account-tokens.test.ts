import { generateKeyPairSync } from 'node:crypto';
import type { AuthenticationV1TokenRequest, Pod, TokenRequestSpec } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiFixture, refusalOf } from '../verbs/test-support/api-fixture.ts';
import { JwtSigner } from './jwt.ts';
import { ISSUER, TokenError } from './service-account-tokens.ts';

let fixture: ApiFixture;
beforeEach(async () => {
  fixture = await ApiFixture.start();
});
afterEach(() => fixture.close());

const issue = (
  spec: TokenRequestSpec = {},
  metadata: AuthenticationV1TokenRequest['metadata'] = {},
): Promise<AuthenticationV1TokenRequest> => fixture.tokens.issue('default', 'default', { metadata, spec });

async function tokenFor(spec: TokenRequestSpec = {}): Promise<string> {
  return (await issue(spec)).status!.token!;
}

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;

const proves = (token: string, audiences?: string[]): Promise<string> =>
  fixture.tokens.authenticate(token, audiences).then(
    ({ user }) => user.name,
    (error: unknown) => {
      if (error instanceof TokenError) return error.message;
      throw error;
    },
  );

const DEFAULT_USER = 'system:serviceaccount:default:default';

async function runningPod(fields: object = {}): Promise<Pod> {
  await fixture.create('nodes', { metadata: { name: 'n1' } });
  const spec = { containers: [{ name: 'main', image: 'i' }], nodeName: 'n1', ...fields };
  return (await fixture.create('pods', { spec })).object as Pod;
}

describe('a token request', () => {
  it('comes back with its defaults and the token', async () => {
    const nowSeconds = Math.floor(fixture.clock.now() / 1000);
    const { metadata, spec, status } = await issue();
    expect(metadata).toMatchObject({ name: 'default', namespace: 'default' });
    expect(spec).toEqual({ audiences: [ISSUER], expirationSeconds: 3600 });
    expect(status!.expirationTimestamp).toBe(formatTime((nowSeconds + 3600) * 1000));
    const account = await fixture.get('serviceaccounts', 'default');
    expect(claimsOf(status!.token!)).toEqual({
      aud: [ISSUER],
      exp: nowSeconds + 3600,
      iat: nowSeconds,
      iss: ISSUER,
      jti: expect.any(String),
      'kubernetes.io': {
        namespace: 'default',
        serviceaccount: { name: 'default', uid: account.metadata.uid },
      },
      nbf: nowSeconds,
      sub: DEFAULT_USER,
    });
  });

  it('for a pod names the pod and its node, and lasts a year where admission asked for it', async () => {
    const { metadata } = await runningPod();
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: metadata.uid };
    const { status } = await issue({ boundObjectRef, expirationSeconds: 3607 });
    const claims = claimsOf(status!.token!);
    const node = await fixture.get('nodes', 'n1');
    const nowSeconds = Math.floor(fixture.clock.now() / 1000);
    expect(claims['kubernetes.io']).toMatchObject({
      node: { name: 'n1', uid: node.metadata.uid },
      pod: { name: 'web', uid: metadata.uid },
      warnafter: nowSeconds + 3607,
    });
    expect(claims['exp']).toBe(nowSeconds + 365 * 86_400);
    expect(status!.expirationTimestamp).toBe(formatTime((nowSeconds + 3607) * 1000));
  });

  it.each<[string, TokenRequestSpec, object, number, string]>([
    [
      'too short',
      { expirationSeconds: 599 },
      {},
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
    ],
    [
      'too long',
      { expirationSeconds: 2 ** 32 + 1 },
      {},
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
    ],
    [
      'of another name',
      {},
      { name: 'x' },
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: metadata.name: Invalid value: "x": must match the service account name if specified',
    ],
    [
      'bound to something else',
      { boundObjectRef: { kind: 'ConfigMap', apiVersion: 'v1', name: 'c' } },
      {},
      400,
      'cannot bind token to object of type /v1, Kind=ConfigMap',
    ],
    [
      'bound to a pod that is not there',
      { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'x' } },
      {},
      404,
      'pods "x" not found',
    ],
    [
      'bound to another pod of the name',
      { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: 'u' } },
      {},
      409,
      'Operation cannot be fulfilled on Pod "web": the UID in the bound object reference (u) does not match the UID in record. The object might have been deleted and then recreated',
    ],
  ])('%s is refused', async (_case, spec, metadata, code, message) => {
    await runningPod();
    expect(await refusalOf(issue(spec, metadata))).toMatchObject({ code, message });
  });

  it('for a pod of another account is refused', async () => {
    await fixture.create('serviceaccounts', { metadata: { name: 'other' } });
    await runningPod({ serviceAccountName: 'other' });
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'web' };
    expect((await refusalOf(issue({ boundObjectRef }))).message).toBe(
      'cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.',
    );
  });

  it('for an account that is not there is refused', async () => {
    const refusal = await refusalOf(fixture.tokens.issue('default', 'x', { spec: {} }));
    expect(refusal).toMatchObject({ code: 404, message: 'serviceaccounts "x" not found' });
  });
});

describe('a token', () => {
  it('proves the account, with its groups and what it is bound to', async () => {
    const pod = await runningPod();
    const token = await tokenFor({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'web' } });
    const { user, audiences } = await fixture.tokens.authenticate(token);
    const account = await fixture.get('serviceaccounts', 'default');
    expect(audiences).toEqual([ISSUER]);
    expect(user).toMatchObject({
      name: DEFAULT_USER,
      uid: account.metadata.uid,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': [`JTI=${String(claimsOf(token)['jti'])}`],
        'authentication.kubernetes.io/pod-name': ['web'],
        'authentication.kubernetes.io/pod-uid': [pod.metadata.uid],
        'authentication.kubernetes.io/node-name': ['n1'],
      },
    });
  });

  it('ends when its time is over, a minute of leeway later', async () => {
    const token = await tokenFor({ expirationSeconds: 600 });
    await fixture.clock.advance(659_000);
    expect(await proves(token)).toBe(DEFAULT_USER);
    await fixture.clock.advance(2_000);
    expect(await proves(token)).toBe('service account token has expired');
  });

  it('is for its audiences only', async () => {
    const token = await tokenFor({ audiences: ['vault'] });
    expect(await proves(token, ['other', 'vault'])).toBe(DEFAULT_USER);
    expect(await proves(token)).toBe(
      `token audiences ["vault"] is invalid for the target audiences ["${ISSUER}"]`,
    );
  });

  it('ends with its account, even when there is another one of the name', async () => {
    const token = await tokenFor();
    await fixture.delete('serviceaccounts', 'default');
    expect(await proves(token)).toBe('serviceaccounts "default" not found');
    await fixture.create('serviceaccounts', { metadata: { name: 'default' } });
    expect(await proves(token)).toMatch(/^service account UID \(.*\) does not match claim \(.*\)$/);
  });

  it('ends with the pod that it is bound to', async () => {
    await runningPod();
    const token = await tokenFor({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'web' } });
    expect(await proves(token)).toBe(DEFAULT_USER);
    await fixture.delete('pods', 'web', { gracePeriodSeconds: 0 });
    expect(await proves(token)).toBe('service account token has been invalidated');
  });

  it('of another key, changed, or of another form proves nobody', async () => {
    const token = await tokenFor();
    const [header, claims, signature] = token.split('.') as [string, string, string];
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const forged = Buffer.from(JSON.stringify({ ...claimsOf(token), sub: 'system:admin' })).toString(
      'base64url',
    );
    for (const wrong of [
      new JwtSigner(privateKey).sign(claimsOf(token)),
      `${header}.${forged}.${signature}`,
      `${header}.${claims}.`,
      `${none}.${claims}.`,
      `${token}.x`,
      'x',
      '',
    ]) {
      expect(await proves(wrong)).toBe('invalid bearer token');
    }
  });
});
