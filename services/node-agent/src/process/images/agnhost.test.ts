import { describe, expect, test } from 'vitest';
import { put } from '../../test-support/container-files.ts';
import { ContainerUnderTest, started } from '../../test-support/container-under-test.ts';

const IMAGE = 'registry.k8s.io/e2e-test-images/agnhost:2.53';

const agnhost = (...args: string[]): Promise<ContainerUnderTest> => started({ image: IMAGE, args });

describe('agnhost netexec', () => {
  test.each([
    ['/hostname', 200, 'web-0'],
    ['/echo?msg=hi&code=418', 418, 'hi'],
    ['/header?key=X-A', 200, 'b'],
    ['/healthz', 200, ''],
    ['/nothing', 404, '404 page not found\n'],
    ['//', 400, ''],
  ])('answers %s', async (target, status, body) => {
    const container = await agnhost('netexec', '--http-port=80');
    expect(await container.get(80, target, { 'x-a': 'b' })).toMatchObject({ status, body });
  });

  test('exits as it is asked', async () => {
    const container = await agnhost('netexec');
    const asked = container.get(8_080, '/exit?code=3&timeout=2s').catch(() => undefined);
    await container.advance(1_999);
    expect(container.exit).toBeUndefined();
    await container.advance(1);
    await asked;
    expect(container.exit).toMatchObject({ exitCode: 3 });
  });
});

test('agnhost liveness is healthy for ten seconds', async () => {
  const container = await agnhost('liveness');
  await container.advance(10_000);
  expect(await container.get(8_080, '/healthz')).toMatchObject({ status: 200, body: 'ok' });
  await container.advance(1_000);
  expect(await container.get(8_080, '/healthz')).toMatchObject({ status: 500, body: 'error: 11' });
});

test('the older liveness image does so too', async () => {
  const container = await started({ image: 'registry.k8s.io/liveness', args: ['/server'] });
  expect(await container.get(8_080, '/healthz')).toMatchObject({ status: 200 });
});

test('agnhost pauses unless it is told otherwise', async () => {
  const container = await agnhost();
  expect([container.log, container.exit]).toEqual(['Paused\n', undefined]);
  container.task.signal('SIGTERM');
  await container.rest();
  expect(container.exit).toMatchObject({ exitCode: 0 });
});

test('agnhost serve-hostname', async () => {
  expect(await (await agnhost('serve-hostname')).get(9_376)).toMatchObject({ body: 'web-0' });
});

test('agnhost entrypoint-tester prints its command line', async () => {
  const container = await agnhost('entrypoint-tester', 'a', '--b');
  expect(container.log).toBe('[/agnhost entrypoint-tester a --b]\n');
});

test('agnhost logs-generator prints so many lines in so much time', async () => {
  const container = await agnhost('logs-generator', '--log-lines-total=10', '--run-duration=20s');
  await container.advance(19_999);
  expect([container.log.split('\n').length - 1, container.exit]).toEqual([10, undefined]);
  await container.advance(1);
  expect(container.exit).toMatchObject({ exitCode: 0 });
});

test('agnhost mounttest reports on files', async () => {
  const container = new ContainerUnderTest({
    image: IMAGE,
    args: [
      'mounttest',
      '--file_content=/etc/x',
      '--file_mode=/etc/x',
      '--new_file_0666=/tmp/new',
      '--file_perm=/tmp/new',
    ],
  });
  put(container.files, '/etc/x', 'value-1');
  await container.start();
  expect(container.log).toBe(
    'content of file "/etc/x": value-1\nmode of file "/etc/x": -rw-r--r--\nperms of file "/tmp/new": -rw-rw-rw-\n',
  );
  expect((await agnhost('mounttest', '--file_content=/none')).exit).toMatchObject({ exitCode: 1 });
});

test('agnhost connect says how it went', async () => {
  const container = await agnhost('netexec');
  expect(await container.exec('/agnhost', 'connect', 'localhost:8080')).toMatchObject({ exitCode: 0 });
  expect(await container.exec('/agnhost', 'connect', 'localhost:81')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'REFUSED\n',
  });
});

test('agnhost knows what it does not know', async () => {
  const container = await agnhost('fly');
  expect(container.log).toBe('Error: unknown command "fly" for "app"\n');
  expect(container.exit).toMatchObject({ exitCode: 1 });
});

test('vish/stress takes what its flags say until its limit ends it', async () => {
  const args = ['-cpus', '2', '-mem-total', '100Mi', '-mem-alloc-size', '10Mi', '-mem-alloc-sleep', '1s'];
  const container = await started({
    image: 'vish/stress',
    args,
    limits: { cpuLimitMilli: 500, memoryLimitBytes: 64 * 1024 * 1024 },
  });
  await container.advance(5_000);
  expect(container.task.usage()).toMatchObject({ cpuMilli: 500, throttledMs: 5_000 });
  await container.advance(2_000);
  expect(container.exit).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
});
