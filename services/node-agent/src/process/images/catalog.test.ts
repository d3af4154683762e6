import { describe, expect, test } from 'vitest';
import { started } from '../../test-support/container-under-test.ts';
import { knownImage, tagExists } from './catalog.ts';
import { DATABASES } from './databases.ts';
import { DISTRIBUTIONS } from './distributions.ts';
import { KUBERNETES_IMAGES } from './kubernetes-images.ts';
import { WEB_SERVERS } from './web-servers.ts';

describe('the images that are known', () => {
  test.each([
    ['nginx', 'nginx'],
    ['nginx:1.27-alpine', 'nginx'],
    ['docker.io/library/nginx', 'nginx'],
    ['registry.local:5000/nginx', 'nginx'],
    ['registry.k8s.io/e2e-test-images/nginx:1.15-4', 'nginx'],
    ['registry.k8s.io/e2e-test-images/agnhost:2.53', '/agnhost'],
    ['gcr.io/google-samples/hello-app:1.0', '/hello-app'],
    ['us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0', undefined],
    ['k8s.gcr.io/pause', '/pause'],
    ['quay.io/fluentd_elasticsearch/fluentd:v2.5.2', 'fluentd'],
    ['bitnami/redis', 'redis-server'],
    ['polinux/stress', undefined],
    ['somebody/nginx', undefined],
    ['example.com/app', undefined],
    ['Not A Name', undefined],
  ])('%s runs %s', (image, program) => {
    const profile = knownImage(image)?.profile;
    const programs = Object.keys(profile?.programs ?? {});
    const name = program?.replace('/', '');
    if (program === '/pause') expect(profile?.sleeps).toBe(true);
    else if (name === undefined) expect(programs).toEqual([]);
    else expect(programs).toContain(name);
  });

  test.each([
    ['latest', true],
    ['1', true],
    ['1.27', true],
    ['v1.27.3-alpine3.20-slim', true],
    ['alpine', true],
    ['stable-perl', true],
    ['20240101', true],
    ['1.161', false],
    ['nope', false],
    ['does-not-exist', false],
    ['1.27nope', false],
  ])('of nginx the tag %s exists: %s', (tag, expected) => {
    expect(tagExists(knownImage('nginx')!.profile, tag)).toBe(expected);
  });
});

/** They run what they are told, and nothing else. */
const WITHOUT_COMMAND = ['liveness', 'polinux/stress'];

test.each(
  [DATABASES, DISTRIBUTIONS, KUBERNETES_IMAGES, WEB_SERVERS]
    .flatMap((each) => Object.keys(each))
    .filter((name) => !WITHOUT_COMMAND.includes(name)),
)('%s has the program that it starts', async (image) => {
  const container = await started({ image });
  expect(container.exit?.reason).not.toBe('StartError');
  container.task.signal('SIGKILL');
  expect(container.clock.pendingTimers).toBe(0);
});
