import { describe, expect, test } from 'vitest';
import { put } from '../../test-support/container-files.ts';
import { ContainerUnderTest, started } from '../../test-support/container-under-test.ts';
import { readConfig } from './nginx.ts';

describe('nginx', () => {
  test('serves the files of its container, and says what it served', async () => {
    const container = await started({ image: 'nginx:1.27' });
    expect(container.log).toContain('[notice] 1#1: nginx/1.27.0\n');
    const page = await container.get(80, '/', { 'user-agent': 'test/1' });
    expect(page).toMatchObject({
      status: 200,
      headers: { server: 'nginx/1.27.0', 'content-type': 'text/html' },
    });
    expect(page.body).toContain('Welcome to nginx!');
    expect(container.log).toMatch(
      /\n10\.0\.0\.1 - - \[01\/Jan\/2026:00:00:00 \+0000\] "GET \/ HTTP\/1\.1" 200 \d+ "-" "test\/1"\n$/,
    );
    put(container.files, '/usr/share/nginx/html/hello.txt', 'hello\n');
    expect(await container.get(80, '/hello.txt?x=1')).toMatchObject({
      body: 'hello\n',
      headers: { 'content-type': 'text/plain' },
    });
  });

  test.each([
    ['/nothing', 404],
    ['/empty/', 403],
    ['/empty', 301],
    ['/../../etc/passwd', 400],
    ['/%2e%2e/%2e%2e/etc/passwd', 400],
    ['/%', 400],
  ])('answers %s with %i', async (target, status) => {
    const container = await started({ image: 'nginx' });
    container.files.makeDirectory('/usr/share/nginx/html/empty');
    expect(await container.get(80, target)).toMatchObject({ status });
  });

  test.each([
    ['SIGTERM', 0],
    ['SIGQUIT', 0],
  ] as const)('ends with %s', async (signal, exitCode) => {
    const container = await started({ image: 'nginx' });
    container.task.signal(signal);
    await container.rest();
    expect(container.exit).toMatchObject({ exitCode });
    await expect(container.get(80)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('is told by its own command', async () => {
    const container = await started({ image: 'nginx' });
    put(container.files, '/etc/nginx/conf.d/default.conf', 'server { listen 80; return 204; }');
    expect(await container.exec('nginx', '-s', 'reload')).toMatchObject({ exitCode: 0 });
    expect(await container.get(80)).toMatchObject({ status: 204 });
    expect(container.log).toContain('signal 1 (SIGHUP) received, reconfiguring\n');
    expect(await container.exec('nginx', '-v')).toMatchObject({
      stderr: expect.stringMatching(/^nginx version: nginx\//),
    });
    expect(await container.exec('sh', '-c', 'nginx -s quit')).toMatchObject({ exitCode: 0 });
    await container.rest();
    expect(container.exit).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  test('cannot have a port that is taken', async () => {
    const container = new ContainerUnderTest({ image: 'nginx' });
    container.pod.listen(80, { http: () => ({ status: 200 }) });
    await container.start();
    expect(container.exit).toMatchObject({ exitCode: 1 });
    expect(container.log).toContain('bind() to 0.0.0.0:80 failed (98: Address already in use)');
  });

  test('says that it starts only once', async () => {
    const container = await started({ image: 'nginx' }, { saved: 'started' });
    expect(container.log).toBe('');
    expect(await container.get(80)).toMatchObject({ status: 200 });
  });

  test.each([
    ['', { ports: [80], root: '/usr/share/nginx/html' }],
    ['server { listen 8080; listen [::]:8080; root /data/; }', { ports: [8080], root: '/data' }],
    [
      '# listen 9;\nserver { listen 0.0.0.0:81 default_server; }',
      { ports: [81], root: '/usr/share/nginx/html' },
    ],
    [
      'server { listen 80; location / { return 200 "a\\nb"; } }',
      { ports: [80], root: '/usr/share/nginx/html', answer: { status: 200, body: 'a\nb' } },
    ],
  ])('understands of %j what matters', (text, expected) => {
    expect(readConfig(text)).toEqual(expected);
  });
});

test('httpd serves the files of its container', async () => {
  const container = await started({ image: 'httpd:2.4' });
  expect(await container.get(80)).toMatchObject({
    status: 200,
    body: expect.stringContaining('It works!'),
    headers: { server: 'Apache/2.4.0 (Unix)' },
  });
});

test.each([
  ['gcr.io/google-samples/hello-app:2.0', 8_080, 'Hello, world!\nVersion: 2.0.0\nHostname: web-0\n'],
  [
    'gcr.io/google-samples/kubernetes-bootcamp:v1',
    8_080,
    'Hello Kubernetes bootcamp! | Running on: web-0 | v=1\n',
  ],
  ['gcr.io/google-samples/node-hello:1.0', 8_080, 'Hello Kubernetes!'],
  ['gcr.io/google-samples/hello-go-gke:1.0', 80, '{"message":"Hello"}\n'],
])('%s answers on %i', async (image, port, body) => {
  expect(await (await started({ image })).get(port)).toMatchObject({ status: 200, body });
});

test('a sample listens where its variable says', async () => {
  const container = await started({ image: 'gcr.io/google-samples/hello-app:1.0', env: [['PORT', '9000']] });
  expect(await container.get(9_000)).toMatchObject({ status: 200 });
});

test('an echo server says what it was asked', async () => {
  const container = await started({ image: 'registry.k8s.io/echoserver:1.10' });
  const { body } = await container.get(8_080, '/path?x', { 'x-a': 'b' });
  expect(body).toContain('Hostname: web-0');
  expect(body).toContain('\treal path=/path?x');
  expect(body).toContain('\tx-a=b');
});

test('http-echo says its text', async () => {
  const container = await started({
    image: 'hashicorp/http-echo',
    args: ['-text=apple', '-listen', ':5679'],
  });
  expect(await container.get(5_679)).toMatchObject({ body: 'apple\n' });
});

test('hpa-example works for each request, and takes longer where its limit holds it back', async () => {
  const container = await started({ image: 'registry.k8s.io/hpa-example', limits: { cpuLimitMilli: 500 } });
  let body = '';
  void container.get(80).then((answer) => (body = answer.body));
  await container.advance(30);
  expect(body).toBe('');
  await container.advance(20);
  expect(body).toBe('OK!');
  expect(container.task.usage().throttledMs).toBeGreaterThan(30);
});

test('tomcat has no application, and ends as Java does', async () => {
  const container = await started({ image: 'tomcat' });
  expect(await container.get(8_080)).toMatchObject({ status: 404 });
  container.task.signal('SIGTERM');
  await container.rest();
  expect(container.exit).toMatchObject({ exitCode: 143, reason: 'Error' });
});
