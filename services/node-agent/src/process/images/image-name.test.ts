import { describe, expect, test } from 'vitest';
import { imageRepository, normalizeImage, parseImage } from './image-name.ts';

describe('image names', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest', 'docker.io/library/nginx'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27', 'docker.io/library/nginx'],
    ['bitnami/redis', 'docker.io/bitnami/redis:latest', 'docker.io/bitnami/redis'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest', 'docker.io/library/nginx'],
    ['registry.k8s.io/pause:3.10.1', 'registry.k8s.io/pause:3.10.1', 'registry.k8s.io/pause'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app'],
    ['registry:5000/team/app', 'registry:5000/team/app:latest', 'registry:5000/team/app'],
    [
      `nginx@sha256:${'a'.repeat(64)}`,
      `docker.io/library/nginx@sha256:${'a'.repeat(64)}`,
      'docker.io/library/nginx',
    ],
    [`ghcr.io/a/b:v1@sha256:${'a'.repeat(64)}`, `ghcr.io/a/b:v1@sha256:${'a'.repeat(64)}`, 'ghcr.io/a/b'],
  ])('%s in full', (name, full, repository) => {
    expect([normalizeImage(name), imageRepository(name)]).toEqual([full, repository]);
  });

  test.each([
    ['', 'invalid reference format'],
    ['images:ubuntu/24.04', 'invalid reference format'],
    ['nginx:', 'invalid reference format'],
    ['nginx@sha256:abc', 'invalid reference format'],
    ['https://example.com/app', 'invalid reference format'],
    ['a b', 'invalid reference format'],
    ['MyApp', 'invalid reference format: repository name must be lowercase'],
    [`a/${'b'.repeat(256)}`, 'repository name must not be more than 255 characters'],
  ])('%j is none', (name, why) => {
    expect(() => parseImage(name)).toThrow(new Error(why));
    expect(normalizeImage(name)).toBe(name);
  });
});
