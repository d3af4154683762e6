/** What goes, when, and with what: grace, finalizers, owners, namespaces. */

import type { ConfigMap, Deployment, Namespace, Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/cluster.ts';
import {
  MERGE,
  type List,
  wire,
  namespace,
  core,
  apps,
  maps,
  ok,
  refused,
  createMap,
  patch,
  names,
  podOf,
  deploymentOf,
  watched,
} from '../support/wire-suite.ts';

describe('deletion', () => {
  it('answers a Status with the uid, and respects preconditions', async () => {
    const { metadata } = await createMap('a');
    expect(await refused('DELETE', maps('/a'), { body: { preconditions: { uid: 'zzz' } } })).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: expect.stringContaining(
        `the UID in the precondition (zzz) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
      ),
    });
    const stale = { preconditions: { resourceVersion: '1' } };
    expect(await refused('DELETE', maps('/a'), { body: stale })).toMatchObject({
      code: 409,
      reason: 'Conflict',
    });
    expect(await ok('DELETE', maps('/a'), { body: { preconditions: { uid: metadata.uid } } })).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'a', kind: 'configmaps', uid: metadata.uid },
    });
    expect(await refused('DELETE', maps('/a'))).toMatchObject({ code: 404, reason: 'NotFound' });
  });

  it('takes an empty body, and refuses a policy that there is not', async () => {
    await createMap('a');
    expect(await refused('DELETE', maps('/a?propagationPolicy=Sometimes'))).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: expect.stringContaining('propagationPolicy'),
    });
    await ok('DELETE', maps('/a'), { body: '', contentType: 'application/json' });
  });

  it('waits for finalizers, takes no new ones, and is over with the last', async () => {
    const finalizers = ['example.com/a', 'example.com/b'];
    const created = await createMap('held', { finalizers });
    const stream = await watched<ConfigMap>(
      maps(`?watch=true&resourceVersion=${created.metadata.resourceVersion}`),
    );
    const deleting = await ok<ConfigMap>('DELETE', maps('/held'));
    expect(deleting.kind).toBe('ConfigMap');
    expect(deleting.metadata).toMatchObject({ deletionGracePeriodSeconds: 0, finalizers });
    expect(deleting.metadata.deletionTimestamp).toBeDefined();
    const more = { metadata: { finalizers: [...finalizers, 'example.com/c'] } };
    expect(await refused('PATCH', maps('/held'), { body: more, contentType: MERGE })).toMatchObject({
      code: 422,
      message: expect.stringContaining('no new finalizers can be added if the object is being deleted'),
    });
    await patch(maps('/held'), { metadata: { finalizers: ['example.com/b'] } });
    const last = await patch<ConfigMap>(maps('/held'), { metadata: { finalizers: null } });
    expect(last.metadata.name).toBe('held');
    expect(await refused('GET', maps('/held'))).toMatchObject({ code: 404 });
    expect((await stream.take(3)).map(({ type }) => type)).toEqual(['MODIFIED', 'MODIFIED', 'DELETED']);
    stream.close();
  });

  it('raises the generation of what is held', async () => {
    const held = deploymentOf('held', 0) as Deployment;
    Object.assign(held.metadata, { finalizers: ['example.com/a'] });
    await ok('POST', apps('deployments'), { body: held });
    const deleting = await ok<Deployment>('DELETE', apps('deployments/held'));
    expect(deleting.metadata.generation).toBe(2);
    const released = await patch<Deployment>(apps('deployments/held'), { metadata: { finalizers: null } });
    expect(released.metadata.generation).toBe(2);
  });

  it('of a pod is graceful, can be shortened but not lengthened, and is at once with grace 0', async () => {
    // Nobody stops what runs on a node that nobody hosts.
    await ok('POST', core('pods'), { body: podOf('slow', { nodeName: 'nobody' }) });
    const first = await ok<Pod>('DELETE', core('pods/slow'));
    expect(first.metadata).toMatchObject({ deletionGracePeriodSeconds: 30, generation: 2 });
    const longer = await ok<Pod>('DELETE', core('pods/slow?gracePeriodSeconds=60'));
    expect(longer.metadata.deletionTimestamp).toBe(first.metadata.deletionTimestamp);
    const shorter = await ok<Pod>('DELETE', core('pods/slow?gracePeriodSeconds=5'));
    expect(shorter.metadata.deletionGracePeriodSeconds).toBe(5);
    expect(Date.parse(shorter.metadata.deletionTimestamp!)).toBeLessThan(
      Date.parse(first.metadata.deletionTimestamp!),
    );
    expect((await ok<Pod>('DELETE', core('pods/slow?gracePeriodSeconds=0'))).kind).toBe('Pod');
    expect(await refused('GET', core('pods/slow'))).toMatchObject({ code: 404 });
  });

  it('of a pod that has no node is at once', async () => {
    await ok('POST', core('pods'), { body: podOf('unplaced', { schedulerName: 'nobody' }) });
    expect((await ok<Pod>('DELETE', core('pods/unplaced'))).kind).toBe('Pod');
    expect(await refused('GET', core('pods/unplaced'))).toMatchObject({ code: 404 });
  });

  it('of a collection takes what the selectors say, and returns it', async () => {
    await createMap('a', { labels: { g: '1' } });
    await createMap('b', { labels: { g: '2' } });
    await createMap('c', { labels: { g: '1' } });
    const deleted = await ok<List<ConfigMap>>('DELETE', maps('?labelSelector=g%3D1'));
    expect(deleted.kind).toBe('ConfigMapList');
    expect(names(deleted)).toEqual(['a', 'c']);
    expect(names(await ok('GET', maps()))).toEqual(['b', 'kube-root-ca.crt']);
  });
});

describe('ownerReferences', () => {
  const ownedBy = ({ metadata }: ConfigMap): object => ({
    ownerReferences: [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: metadata.name,
        uid: metadata.uid,
        blockOwnerDeletion: true,
      },
    ],
  });
  const gone = (name: string): Promise<boolean> =>
    eventually(`${name} is gone`, async () => (await wire.send('GET', maps(`/${name}`))).code === 404);

  it('background: the owner goes at once, dependents follow', async () => {
    const owner = await createMap('owner');
    await createMap('child', ownedBy(owner));
    const answer = await ok('DELETE', maps('/owner?propagationPolicy=Background'));
    expect(answer.kind).toBe('Status');
    expect(await refused('GET', maps('/owner'))).toMatchObject({ code: 404 });
    await gone('child');
  });

  it('foreground: the owner stays until its dependents are gone', async () => {
    const owner = await createMap('owner');
    const child = ownedBy(owner);
    await createMap('child', { ...child, finalizers: ['example.com/hold'] });
    const deleting = await ok<ConfigMap>('DELETE', maps('/owner?propagationPolicy=Foreground'));
    expect(deleting.metadata.finalizers).toEqual(['foregroundDeletion']);
    await eventually('the child is being deleted', async () => {
      const found = await ok<ConfigMap>('GET', maps('/child'));
      return found.metadata.deletionTimestamp !== undefined;
    });
    expect((await ok<ConfigMap>('GET', maps('/owner'))).metadata.finalizers).toEqual(['foregroundDeletion']);
    await patch(maps('/child'), { metadata: { finalizers: null } });
    await gone('owner');
  });

  it('orphan: dependents lose the reference and stay', async () => {
    const owner = await createMap('owner');
    await createMap('child', ownedBy(owner));
    await ok('DELETE', maps('/owner?propagationPolicy=Orphan'));
    await gone('owner');
    expect((await ok<ConfigMap>('GET', maps('/child'))).metadata.ownerReferences ?? []).toEqual([]);
  });

  it('of an owner that never was: the dependent goes', async () => {
    const owner = await createMap('owner');
    const stranger = {
      ...owner,
      metadata: { ...owner.metadata, uid: '00000000-0000-4000-8000-000000000000' },
    };
    await createMap('child', ownedBy(stranger));
    await gone('child');
  });

  it('allow one controller only', async () => {
    const ref = (uid: string): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: uid,
      uid,
      controller: true,
    });
    const body = { metadata: { name: 'child', ownerReferences: [ref('a'), ref('b')] } };
    const status = await refused('POST', maps(), { body });
    expect(status).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(status.message).toContain('Only one reference can have Controller set to true');
  });
});

describe('a namespace', () => {
  it('goes after its content, and takes nothing new meanwhile', async () => {
    await createMap('held', { finalizers: ['example.com/hold'] });
    await createMap('free');
    const path = `/api/v1/namespaces/${namespace}`;
    const deleting = await ok<Namespace>('DELETE', path);
    expect(deleting).toMatchObject({ kind: 'Namespace', status: { phase: 'Terminating' } });
    const status = await refused('POST', maps(), { body: { metadata: { name: 'late' } } });
    expect(status).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    });
    expect(status.message).toContain(
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
    await eventually('only what is held is left', async () => {
      const left = await ok<List<ConfigMap>>('GET', maps());
      return names(left).join() === 'held';
    });
    await eventually('the namespace says what it waits for', async () => {
      const { status: said } = await ok<Namespace>('GET', path);
      return said?.conditions?.some(
        ({ type, status: is }) => type === 'NamespaceFinalizersRemaining' && is === 'True',
      );
    });
    await patch(maps('/held'), { metadata: { finalizers: null } });
    await eventually('the namespace is gone', async () => (await wire.send('GET', path)).code === 404);
  });

  it('that the cluster needs stays', async () => {
    for (const name of ['default', 'kube-system', 'kube-public']) {
      expect(await refused('DELETE', `/api/v1/namespaces/${name}`)).toMatchObject({
        code: 403,
        reason: 'Forbidden',
        message: expect.stringContaining('this namespace may not be deleted'),
      });
    }
  });
});
