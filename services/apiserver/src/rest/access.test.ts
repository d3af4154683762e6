import { Agent, request as httpsRequest } from 'node:https';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
