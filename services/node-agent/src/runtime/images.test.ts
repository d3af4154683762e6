import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { pullTimeMs, SimulatedImages } from './images.ts';

const MEBIBYTE = 1024 * 1024;

function images(pullMs: number) {
  const clock = new ManualClock();
  const service = new SimulatedImages({ clock, pullTimeMs: () => pullMs });
  const stop = new AbortController();
  let waits = 0;
  const context = { signal: stop.signal, onWait: () => void (waits += 1) };
  return { clock, service, stop, context, waits: () => waits };
}

describe('a pull', () => {
  test('takes its time, says that it waits, and leaves the image on that node alone', async () => {
    const { clock, service, context, waits } = images(1_000);
    const pulled = service.pullImage('node-1', 'nginx', context);
    expect(waits()).toBe(1);
    await clock.advance(999);
    expect(service.imageStatus('node-1', 'nginx')).toBeUndefined();
    await clock.advance(1);
    expect(service.imageStatus('node-1', 'docker.io/library/nginx:latest')).toEqual(await pulled);
    expect(service.imageStatus('node-2', 'nginx')).toBeUndefined();
  });

  test('without delay does not wait', async () => {
    const { service, context, waits } = images(0);
    const ref = await service.pullImage('node-1', 'nginx', context);
    expect(ref).toEqual({
      id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      sizeBytes: expect.any(Number),
    });
    expect(waits()).toBe(0);
  });

  test('that begins while another is under way ends with it', async () => {
    const { clock, service, context } = images(1_000);
    const first = service.pullImage('node-1', 'nginx', context);
    await clock.advance(700);
    const second = service.pullImage('node-1', 'nginx:latest', context);
    await clock.advance(300);
    expect(await second).toEqual(await first);
    expect(clock.pendingTimers).toBe(0);
  });

  test('that nobody waits for any more goes on', async () => {
    const { clock, service, stop, context } = images(1_000);
    const pulled = service.pullImage('node-1', 'nginx', context);
    stop.abort();
    await expect(pulled).rejects.toBe(stop.signal.reason);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(1_000);
    expect(service.imageStatus('node-1', 'nginx')).toBeDefined();
  });

  test('leaves an image that is there already usable', async () => {
    const { clock, service, context } = images(1_000);
    service.adopt('node-1', 'nginx');
    const pulled = service.pullImage('node-1', 'nginx', context);
    await clock.advance(500);
    expect(service.imageStatus('node-1', 'nginx')).toBeDefined();
    await clock.advance(500);
    await pulled;
  });

  test('of an image by its digest gives that digest', async () => {
    const { service, context } = images(0);
    const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
    expect(await service.pullImage('node-1', `nginx@${digest}`, context)).toMatchObject({ id: digest });
  });

  test.each([
    ['busybox', 2],
    ['nginx:1.27', 69],
    ['registry.k8s.io/pause:3.10.1', 1],
  ])('of %s is %i MiB', async (image, mebibytes) => {
    const { service, context } = images(0);
    const { sizeBytes } = await service.pullImage('node-1', image, context);
    expect(Math.floor(sizeBytes / MEBIBYTE)).toBe(mebibytes);
  });

  test.each([
    [0, 200],
    [70 * MEBIBYTE, 1_000],
    [140 * MEBIBYTE, 1_800],
  ])('of %i bytes takes %i ms where a typical one takes 1,000', (bytes, expected) => {
    expect(pullTimeMs(1_000, bytes)).toBe(expected);
    expect(pullTimeMs(0, bytes)).toBe(0);
  });
});

describe('an image that does not exist', () => {
  const resolving = (full: string): string =>
    `failed to pull and unpack image "${full}": failed to resolve reference "${full}": `;
  const notFound = (full: string): string =>
    `rpc error: code = NotFound desc = ${resolving(full)}${full}: not found`;

  test.each([
    ['nginx:nope', notFound('docker.io/library/nginx:nope')],
    ['nginx:1.161', notFound('docker.io/library/nginx:1.161')],
    ['ghcr.io/missing/app:1', notFound('ghcr.io/missing/app:1')],
    [
      'missing/app',
      `${resolving('docker.io/missing/app:latest')}pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
    ],
    [
      'orrery.invalid/app:1',
      `${resolving('orrery.invalid/app:1')}failed to do request: Head "https://orrery.invalid/v2/app/manifests/1": dial tcp: lookup orrery.invalid: no such host`,
    ],
  ])('%s is refused in the words of containerd, after the registry has answered', async (image, message) => {
    const { clock, service, context, waits } = images(200);
    let error: unknown;
    void service.pullImage('node-1', image, context).catch((failed: unknown) => (error = failed));
    await clock.advance(199);
    expect([error, waits()]).toEqual([undefined, 1]);
    await clock.advance(1);
    expect(error).toMatchObject({ name: 'ImageError', reason: 'ErrImagePull', message });
    expect(service.imageStatus('node-1', image)).toBeUndefined();
  });

  test.each(['missing-parts/app', 'example.com/app:nope', 'nginx:1.99'])('is not %s', async (image) => {
    const { service, context } = images(0);
    expect(await service.pullImage('node-1', image, context)).toBeDefined();
  });

  test('is noticed at once when its name is none, in the words of the kubelet', async () => {
    const { service, context } = images(0);
    const failure = {
      reason: 'InvalidImageName',
      message:
        'couldn\'t parse image name "Nginx": invalid reference format: repository name must be lowercase',
    };
    expect(() => service.imageStatus('node-1', 'Nginx')).toThrow(expect.objectContaining(failure));
    await expect(service.pullImage('node-1', 'Nginx', context)).rejects.toMatchObject(failure);
  });
});

test('the images of a node are shown by digest and name, the largest first, fifty at most', async () => {
  const { service, context } = images(0);
  await service.pullImage('node-1', 'busybox', context);
  const { id, sizeBytes } = await service.pullImage('node-1', 'nginx:1.27', context);
  service.adopt('node-1', 'not an image');
  expect(service.countOf('node-1')).toBe(2);
  expect(service.imagesOf('node-1')[0]).toEqual({
    names: [`docker.io/library/nginx@${id}`, 'docker.io/library/nginx:1.27'],
    sizeBytes,
  });
  for (let at = 0; at < 60; at += 1) service.adopt('node-1', `web:${at}`);
  expect(service.imagesOf('node-1')).toHaveLength(50);
  service.forgetNode('node-1');
  expect([service.imagesOf('node-1'), service.imageStatus('node-1', 'busybox')]).toEqual([[], undefined]);
});
