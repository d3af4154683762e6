import { describe, expect, test } from 'vitest';
import { requestInfo } from './request-info.ts';

function info(method: string, url: string): string {
  const [path = '', query = ''] = url.split('?');
  const parsed = requestInfo(method, path, new URLSearchParams(query));
  const { isResource, verb, group, version, namespace, resource, name, subresource } = parsed;
  if (!isResource) return `${verb} ${parsed.path}`;
  return [verb, `${group}/${version}`, namespace, resource, name, subresource].join(' | ');
}

describe('what a request is about', () => {
  test.each([
    ['GET', '/', 'get /'],
    ['GET', '/api', 'get /api'],
    ['GET', '/api/v1', 'get /api/v1'],
    ['GET', '/apis/apps/v1', 'get /apis/apps/v1'],
    ['GET', '/apis/apps/v1/', 'get /apis/apps/v1/'],
    ['GET', '/healthz', 'get /healthz'],
    ['GET', '/api/v1/pods', 'list | /v1 |  | pods |  | '],
    ['GET', '/api/v1/pods/', 'list | /v1 |  | pods |  | '],
    ['GET', '/api/v1/pods?watch', 'watch | /v1 |  | pods |  | '],
    ['GET', '/api/v1/pods?watch=0', 'list | /v1 |  | pods |  | '],
    ['GET', '/api/v1/pods?watch=False', 'list | /v1 |  | pods |  | '],
    ['GET', '/api/v1/namespaces/x/pods/p', 'get | /v1 | x | pods | p | '],
    ['GET', '/api/v1/namespaces/x/pods/p?watch=true', 'watch | /v1 | x | pods | p | '],
    ['GET', '/api/v1/watch/namespaces/x/pods', 'watch | /v1 | x | pods |  | '],
    ['GET', '/api/v1/watch/pods', 'watch | /v1 |  | pods |  | '],
    ['GET', '/api/v1/watch/namespaces/x/pods/p', 'watch | /v1 | x | pods | p | '],
    ['POST', '/api/v1/watch/pods', 'create | /v1 |  | watch | pods | '],
    ['POST', '/api/v1/namespaces/x/pods', 'create | /v1 | x | pods |  | '],
    ['PUT', '/api/v1/namespaces/x', 'update | /v1 |  | namespaces | x | '],
    ['PUT', '/api/v1/namespaces/x/finalize', 'update | /v1 |  | namespaces | x | finalize'],
    ['GET', '/api/v1/namespaces/x/status', 'get | /v1 |  | namespaces | x | status'],
    ['GET', '/api/v1/namespaces', 'list | /v1 |  | namespaces |  | '],
    [
      'PATCH',
      '/apis/apps/v1/namespaces/x/deployments/d/scale',
      'patch | apps/v1 | x | deployments | d | scale',
    ],
    ['DELETE', '/apis/apps/v1/namespaces/x/deployments/d', 'delete | apps/v1 | x | deployments | d | '],
    [
      'DELETE',
      '/apis/apps/v1/namespaces/x/deployments',
      'deletecollection | apps/v1 | x | deployments |  | ',
    ],
    ['GET', '/api/v1/namespaces/x/pods/p/proxy/a/b', 'get | /v1 | x | pods | p | proxy/a/b'],
    ['GET', '/api/v1/nodes/a%3Ab', 'get | /v1 |  | nodes | a:b | '],
  ])('%s %s', (method, url, expected) => {
    expect(info(method, url)).toBe(expected);
  });

  test.each(['/api/v1/nodes/%zz', '/api/v1/nodes/a%2Fb'])('%s is refused', (path) => {
    expect(() => info('GET', path)).toThrow('is not valid');
  });
});
