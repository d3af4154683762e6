import { Agent, request as httpsRequest } from 'node:https';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { KubeObject } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serviceAccountsDefinition } from '../registry/serviceaccount.ts';
import { RestFixture, strangerIdentity } from './test-support/rest-fixture.ts';

let fixture: RestFixture;

beforeAll(async () => {
  fixture = await RestFixture.start();
});

afterAll(() => fixture.stop());

describe('without a certificate', () => {
  test.each(['/healthz', '/livez', '/readyz', '/readyz/ping', '/version'])('%s is open', async (path) => {
    expect((await fixture.ask(path, { as: 'nobody' })).code).toBe(200);
  });

  test.each(['/', '/api', '/apis', '/api/v1/pods', '/metrics', '/openapi/v3', '/apis/no/such', '/healthzz'])(
    '%s is not',
    async (path) => {
      const answer = await fixture.ask(path, { as: 'nobody' });
      expect(answer.code).toBe(401);
      expect(answer.json()).toEqual({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'Unauthorized',
        reason: 'Unauthorized',
        code: 401,
      });
    },
  );

  test('a token does not count as nobody: it is refused even where nobody may come', async () => {
    const answer = await fixture.ask('/version', { as: 'nobody', headers: { authorization: 'Bearer x' } });
    expect(answer.code).toBe(401);
  });
});

test('a certificate of another authority is refused, whatever it says', async () => {
  const stranger = strangerIdentity({ commonName: 'kubernetes-admin', organizations: ['system:masters'] });
  for (const path of ['/api/v1/pods', '/version']) {
    expect((await fixture.ask(path, { as: stranger })).code).toBe(401);
  }
});

describe('a user who is no administrator', () => {
  const cases: [string, string, string][] = [
    [
      'GET',
      '/api/v1/namespaces/default/pods',
      'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      'GET',
      '/api/v1/pods?watch=1',
      'pods is forbidden: User "bob" cannot watch resource "pods" in API group "" at the cluster scope',
    ],
    [
      'GET',
      '/api/v1/nodes/n1',
      'nodes "n1" is forbidden: User "bob" cannot get resource "nodes" in API group "" at the cluster scope',
    ],
    [
      'DELETE',
      '/apis/apps/v1/namespaces/x/deployments/d',
      'deployments.apps "d" is forbidden: User "bob" cannot delete resource "deployments" in API group "apps" in the namespace "x"',
    ],
    [
      'PATCH',
      '/apis/apps/v1/namespaces/x/deployments/d/scale',
      'deployments.apps "d" is forbidden: User "bob" cannot patch resource "deployments/scale" in API group "apps" in the namespace "x"',
    ],
    ['GET', '/metrics', 'forbidden: User "bob" cannot get path "/metrics"'],
  ];

  test.each(cases)('%s %s is forbidden in upstream’s words', async (method, path, message) => {
    const bob = await fixture.identity({ commonName: 'bob', organizations: ['dev', 'ops'] });
    const answer = await fixture.ask(path, { method, as: bob });
    expect(answer.code).toBe(403);
    expect(answer.json()).toMatchObject({ status: 'Failure', reason: 'Forbidden', message, code: 403 });
  });

  test('may see health and version', async () => {
    const bob = await fixture.identity({ commonName: 'bob' });
    expect((await fixture.ask('/version', { as: bob })).code).toBe(200);
  });

  test('may not act for others', async () => {
    const bob = await fixture.identity({ commonName: 'bob' });
    const headers = { 'impersonate-user': 'root', 'impersonate-group': 'system:masters' };
    const answer = await fixture.ask('/api/v1/pods', { as: bob, headers });
    expect(answer.code).toBe(403);
    expect(answer.json()['message']).toBe(
      'users "root" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });
});

describe('a service account', () => {
  const TOKEN = '/api/v1/namespaces/default/serviceaccounts/robot/token';
  const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
  const WHOAMI = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

  beforeAll(() => {
    const robot = { metadata: { name: 'robot', namespace: 'default' } } as KubeObject;
    fixture.api.put(serviceAccountsDefinition, robot);
  });

  const tokenFor = async (spec: object = {}): Promise<string> => {
    const answer = await fixture.send('POST', TOKEN, { spec });
    expect(answer.code).toBe(201);
    const { kind, apiVersion, status } = answer.json<TokenRequestAnswer>();
    expect(`${apiVersion} ${kind}`).toBe('authentication.k8s.io/v1 TokenRequest');
    return status.token;
  };
  interface TokenRequestAnswer {
    kind: string;
    apiVersion: string;
    status: { token: string };
  }

  const bearing = (
    path: string,
    token: string,
    method = 'GET',
    body?: string,
  ): ReturnType<typeof fixture.ask> =>
    fixture.ask(path, {
      as: 'nobody',
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    });

  test('comes in with its token, and may do everything', async () => {
    expect((await bearing('/api/v1/namespaces/default/pods', await tokenFor())).code).toBe(200);
  });

  test('is told who it is', async () => {
    const answer = await bearing(WHOAMI, await tokenFor(), 'POST', '{}');
    expect(answer.code).toBe(201);
    expect(answer.json()).toMatchObject({
      kind: 'SelfSubjectReview',
      apiVersion: 'authentication.k8s.io/v1',
      status: {
        userInfo: {
          username: 'system:serviceaccount:default:robot',
          uid: 'uid-robot',
          groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
        },
      },
    });
  });

  test.each(['Basic abc', 'Bearer', 'Bearer x.y.z'])('does not come in with %s', async (authorization) => {
    expect((await fixture.ask('/api/v1/pods', { as: 'nobody', headers: { authorization } })).code).toBe(401);
  });

  test('does not come in with a token for somebody else', async () => {
    expect((await bearing('/api/v1/pods', await tokenFor({ audiences: ['vault'] }))).code).toBe(401);
  });

  test('is in its groups when an administrator acts for it', async () => {
    const headers = { 'impersonate-user': 'system:serviceaccount:default:robot' };
    const answer = await fixture.ask(WHOAMI, { method: 'POST', headers, body: '{}' });
    expect(answer.json()).toMatchObject({
      status: {
        userInfo: {
          groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
        },
      },
    });
  });

  test('is found in a review of its token', async () => {
    const token = await tokenFor({ audiences: ['vault'] });
    const review = await fixture.send('POST', TOKEN_REVIEWS, { spec: { token, audiences: ['vault', 'x'] } });
    expect(review.code).toBe(201);
    expect(review.json()).toMatchObject({
      kind: 'TokenReview',
      status: {
        authenticated: true,
        audiences: ['vault'],
        user: { username: 'system:serviceaccount:default:robot' },
      },
    });
    const wrong = await fixture.send('POST', TOKEN_REVIEWS, { spec: { token: 'x' } });
    expect(wrong.json()['status']).toEqual({ user: {}, error: 'invalid bearer token' });
    const empty = await fixture.send('POST', TOKEN_REVIEWS, { spec: {} });
    expect(empty.json()).toMatchObject({
      code: 400,
      message: 'token is required for TokenReview in authentication',
    });
  });

  test('reviews are only ever posted', async () => {
    expect((await fixture.ask(TOKEN_REVIEWS)).code).toBe(405);
    expect((await fixture.ask(`${TOKEN_REVIEWS}/x`)).code).toBe(404);
    expect((await fixture.ask('/apis/authentication.k8s.io/v1/namespaces/x/tokenreviews')).code).toBe(404);
  });
});

describe('an administrator', () => {
  test('may do everything', async () => {
    expect((await fixture.ask('/api/v1/namespaces/default/pods')).code).toBe(200);
  });

  test('has only the rights of whom they act for', async () => {
    const as = (headers: Record<string, string>): Promise<number> =>
      fixture.ask('/api/v1/pods', { headers }).then(({ code }) => code);
    expect(await as({ 'impersonate-user': 'bob' })).toBe(403);
    expect(await as({ 'impersonate-user': 'ann', 'impersonate-group': 'system:masters' })).toBe(200);
  });

  test('is known again in a resumed TLS session', async () => {
    const { certificate, privateKey } = fixture.pki.admin;
    const agent = new Agent({
      ca: fixture.pki.caCertificate,
      cert: certificate,
      key: privateKey,
      keepAlive: false,
      maxCachedSessions: 10,
    });
    const codes: (number | undefined)[] = [];
    const reused: boolean[] = [];
    for (let round = 0; round < 3; round += 1) {
      const request = httpsRequest({ host: '127.0.0.1', port: fixture.port, path: '/api/v1/pods', agent });
      request.end();
      const [message] = (await once(request, 'response')) as [IncomingMessage];
      codes.push(message.statusCode);
      reused.push((message.socket as TLSSocket).isSessionReused());
      message.resume();
      await once(message, 'close');
    }
    agent.destroy();
    expect(codes).toEqual([200, 200, 200]);
    expect(reused.at(-1)).toBe(true);
  });
});
