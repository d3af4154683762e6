import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { imageRepository, normalizeImage, SimulatedImages } from './images.ts';

describe('image names', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest', 'docker.io/library/nginx'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27', 'docker.io/library/nginx'],
    ['bitnami/redis', 'docker.io/bitnami/redis:latest', 'docker.io/bitnami/redis'],
    ['registry.k8s.io/pause:3.10.1', 'registry.k8s.io/pause:3.10.1', 'registry.k8s.io/pause'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app'],
    ['registry:5000/team/app', 'registry:5000/team/app:latest', 'registry:5000/team/app'],
    ['nginx@sha256:abc', 'docker.io/library/nginx@sha256:abc', 'docker.io/library/nginx'],
    ['ghcr.io/a/b:v1@sha256:abc', 'ghcr.io/a/b:v1@sha256:abc', 'ghcr.io/a/b'],
  ])('%s in full', (name, full, repository) => {
    expect([normalizeImage(name), imageRepository(name)]).toEqual([full, repository]);
  });
});

function images(pullMs: number) {
  const clock = new ManualClock();
  const service = new SimulatedImages({ clock, pullMs });
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
});
