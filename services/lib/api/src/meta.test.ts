import { describe, expect, it } from 'vitest';
import type { KubeObject } from './gen/types.ts';
import {
  controllerOf,
  controllerReference,
  formatMicroTime,
  formatTime,
  isBeingDeleted,
  keyOf,
  objectKey,
  parseTime,
  splitKey,
} from './meta.ts';
import { apiVersionOf, Deployments, Nodes, parseApiVersion, Pods } from './resources.ts';

const object = (metadata: object): KubeObject => ({ metadata }) as KubeObject;

describe('a key', () => {
  it.each([
    ['default', 'web', 'default/web'],
    ['', 'node-1', 'node-1'],
  ])('of %j and %j is %j, and splits again', (namespace, name, key) => {
    expect(objectKey(namespace, name)).toBe(key);
    expect(keyOf(object({ namespace, name }))).toBe(key);
    expect(splitKey(key)).toEqual({ namespace, name });
  });

  it('without a namespace is the name', () => {
    expect(objectKey(undefined, 'node-1')).toBe('node-1');
  });
});

describe('an owner', () => {
  const owner = object({ name: 'web', uid: 'u1' });

  it('that manages is found among others', () => {
    const reference = controllerReference(owner, Deployments);
    expect(reference).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'web',
      uid: 'u1',
      controller: true,
      blockOwnerDeletion: true,
    });
    const other = { ...reference, uid: 'u2', controller: false };
    expect(controllerOf(object({ ownerReferences: [other, reference] }))).toBe(reference);
    expect(controllerOf(object({ ownerReferences: [other] }))).toBeUndefined();
    expect(controllerOf(object({}))).toBeUndefined();
  });
});

it('an object is being deleted when it has the time of it', () => {
  expect(isBeingDeleted(object({ deletionTimestamp: '2026-01-01T00:00:00Z' }))).toBe(true);
  expect(isBeingDeleted(object({}))).toBe(false);
});

describe('a time', () => {
  const ms = Date.UTC(2026, 1, 3, 4, 5, 6, 789);

  it('is written in whole seconds, cut off, and with microseconds', () => {
    expect(formatTime(ms)).toBe('2026-02-03T04:05:06Z');
    expect(formatMicroTime(ms)).toBe('2026-02-03T04:05:06.789000Z');
  });

  it('is read in either form and in any zone', () => {
    expect(parseTime('2026-02-03T04:05:06Z')).toBe(ms - 789);
    expect(parseTime(formatMicroTime(ms))).toBe(ms);
    expect(parseTime('2026-02-03T06:05:06+02:00')).toBe(ms - 789);
    expect(parseTime('soon')).toBeNaN();
  });
});

describe('an apiVersion', () => {
  it.each([
    ['v1', { group: '', version: 'v1' }],
    ['apps/v1', { group: 'apps', version: 'v1' }],
    ['discovery.k8s.io/v1beta1', { group: 'discovery.k8s.io', version: 'v1beta1' }],
  ])('%s is read and written', (text, parts) => {
    expect(parseApiVersion(text)).toEqual(parts);
    expect(apiVersionOf(parts)).toBe(text);
  });

  it('follows from a resource', () => {
    expect([Pods, Nodes, Deployments].map(apiVersionOf)).toEqual(['v1', 'v1', 'apps/v1']);
    expect([Pods.namespaced, Nodes.namespaced]).toEqual([true, false]);
  });
});
