import type { Namespace, Pod, Service } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { definitionOf, sample } from '../registry/sample-objects.ts';
import { StoreUnavailableError } from '../store/store.ts';
import { ApiFixture, dryRun, refusalOf, requestContext } from './test-support/api-fixture.ts';

let fixture: ApiFixture;
beforeEach(async () => {
  fixture = await ApiFixture.start();
});
afterEach(() => fixture.close());

/** The first `times` creations of this resource find their name taken. */
function collide(resource: string, times: number): string[] {
  const names: string[] = [];
  const create = fixture.store.create.bind(fixture.store);
  fixture.store.create = async (name, key, value, options) => {
    if (name !== resource) return create(name, key, value, options);
    names.push(key);
    if (names.length <= times) return { outcome: 'conflict', current: undefined };
    return create(name, key, value, options);
  };
  return names;
}

const allocatedIps = async (): Promise<string[]> =>
  (await fixture.store.list({ resource: 'clusterips.internal' })).items.map(({ key }) => key);

describe('creation', () => {
  it('decides uid, time and revision itself, whatever the client says', async () => {
    const { object, value, revision } = await fixture.create('configmaps', {
      metadata: {
        uid: 'mine',
        creationTimestamp: '2001-01-01T00:00:00Z',
        deletionTimestamp: '2001-01-01T00:00:00Z',
        deletionGracePeriodSeconds: 5,
        generation: 7,
        managedFields: [{}],
        selfLink: '/x',
      },
    });
    expect(object.metadata).toEqual({
      name: 'web',
      namespace: 'default',
      uid: expect.stringMatching(/^[0-9a-f]{8}-/),
      creationTimestamp: formatTime(fixture.clock.now()),
      resourceVersion: String(revision),
    });
    expect(JSON.parse(value)).toEqual(object);
    expect(await fixture.get('configmaps', 'web')).toEqual(object);
  });

  it('starts the generation of kinds that have one at 1, and drops a status that is not the client’s', async () => {
    const { object } = await fixture.create('deployments', { status: { replicas: 9 } });
    expect(object.metadata.generation).toBe(1);
    expect((object as { status?: { replicas?: number } }).status?.replicas).toBeUndefined();
  });

  it('keeps the status of a node, which registers with it', async () => {
    const { object } = await fixture.create('nodes', { status: { capacity: { cpu: '4' } } });
    expect(object).toMatchObject({ status: { capacity: { cpu: '4' } } });
  });

  it('is told to watchers', async () => {
    const watch = await fixture.watch('configmaps', { resourceVersion: '0' });
    await fixture.create('configmaps');
    await fixture.delivered();
    expect(watch.told).toEqual(['ADDED web']);
  });

  it('takes the namespace of the URL, and refuses another one in the object', async () => {
    const definition = definitionOf('configmaps');
    const without = sample('configmaps', {}, { namespace: undefined });
    const { object } = await fixture.api.create(definition, 'other', without, requestContext());
    expect(object.metadata.namespace).toBe('other');
    const different = fixture.api.create(definition, 'other', sample('configmaps'), requestContext());
    expect(await refusalOf(different)).toMatchObject({
      code: 400,
      message: 'the namespace of the provided object does not match the namespace sent on the request',
    });
  });

  it('refuses a resourceVersion with 500 and no reason, as upstream', async () => {
    const refusal = await refusalOf(fixture.create('configmaps', { metadata: { resourceVersion: '1' } }));
    expect(refusal).toMatchObject({
      code: 500,
      reason: '',
      message: 'resourceVersion should not be set on objects to be created',
    });
  });

  it('refuses an object without any name', async () => {
    const refusal = await refusalOf(fixture.create('configmaps', { metadata: { name: undefined } }));
    expect(refusal).toMatchObject({
      code: 422,
      message: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    });
  });

  it('refuses an invalid object and stores nothing', async () => {
    const refusal = await refusalOf(fixture.create('configmaps', { data: { 'a/b': '' } }));
    expect(refusal).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(await refusalOf(fixture.get('configmaps', 'web'))).toMatchObject({ reason: 'NotFound' });
  });

  it('refuses a name that is taken', async () => {
    await fixture.create('configmaps');
    expect(await refusalOf(fixture.create('configmaps'))).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "web" already exists',
    });
  });

  it('refuses what admission refuses', async () => {
    const refusal = await refusalOf(fixture.create('configmaps', { metadata: { namespace: 'missing' } }));
    expect(refusal).toMatchObject({ code: 404, message: 'namespaces "missing" not found' });
  });

  it('answers 503 while the store is away', async () => {
    fixture.store.available = false;
    expect(await refusalOf(fixture.create('nodes'))).toMatchObject({
      code: 503,
      reason: 'ServiceUnavailable',
    });
    fixture.store.available = true;
  });

  it('is refused to a leader whose epoch has passed', async () => {
    const { object } = await fixture.create('leases', {
      metadata: { name: 'boss' },
      spec: { holderIdentity: 'b', leaseDurationSeconds: 15, leaseTransitions: 2 },
    });
    const { uid } = object.metadata;
    const withEpoch = (epoch: number) =>
      fixture.create('configmaps', {}, requestContext({ fence: { lease: 'default/boss', uid, epoch } }));
    expect(await refusalOf(withEpoch(1))).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: 'fenced: another leader has taken over the lease default/boss',
    });
    await expect(withEpoch(2)).resolves.toBeDefined();
  });

  it('collects warnings', async () => {
    const context = requestContext();
    await fixture.create(
      'services',
      { spec: { clusterIP: 'None', sessionAffinity: 'ClientIP', ports: [{ port: 80 }] } },
      context,
    );
    expect(context.warnings).toEqual(['spec.SessionAffinity is ignored for headless services']);
  });
});

describe('a generated name', () => {
  it('is the base, cut to 58 characters, and five characters more', async () => {
    const { object } = await fixture.create('configmaps', {
      metadata: { name: undefined, generateName: 'a'.repeat(70) },
    });
    expect(object.metadata.name).toMatch(/^a{58}[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('is made anew when it is taken', async () => {
    const tried = collide('configmaps', 2);
    const { object } = await fixture.create('configmaps', {
      metadata: { name: undefined, generateName: 'job-' },
    });
    expect(tried).toHaveLength(3);
    expect(new Set(tried).size).toBe(3);
    expect(`default/${object.metadata.name}`).toBe(tried[2]);
  });

  it('ends after eight tries with a conflict that the client may try again', async () => {
    const tried = collide('deployments.apps', 100);
    const refusal = await refusalOf(
      fixture.create('deployments', { metadata: { name: undefined, generateName: 'job-' } }),
    );
    expect(tried).toHaveLength(8);
    const last = tried[7]!.slice('default/'.length);
    expect(refusal.toStatus()).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: `deployments.apps "${last}" already exists, the server was not able to generate a unique name for the object`,
      details: { name: last, group: 'apps', kind: 'deployments', retryAfterSeconds: 1 },
    });
  });

  it('is the one that a namespace carries in its label, also after a collision', async () => {
    collide('namespaces', 3);
    const { object } = await fixture.create('namespaces', {
      metadata: { name: undefined, generateName: 'team-' },
    });
    const { metadata } = await fixture.get<Namespace>('namespaces', object.metadata.name);
    expect(metadata.labels).toEqual({ 'kubernetes.io/metadata.name': metadata.name });
  });

  it('leaves no address behind under the names that were taken, and warns once', async () => {
    collide('services', 3);
    const context = requestContext();
    const spec = { externalName: 'x.example', ports: [{ port: 80 }] };
    const { object } = await fixture.create(
      'services',
      { metadata: { name: undefined, generateName: 'svc-' }, spec },
      context,
    );
    expect(await allocatedIps()).toEqual([(object as Service).spec.clusterIP]);
    expect(context.warnings).toEqual(['spec.externalName is ignored when spec.type is not "ExternalName"']);
  });

  it('is not made for an object that has a name', async () => {
    const { object } = await fixture.create('configmaps', { metadata: { generateName: 'job-' } });
    expect(object.metadata.name).toBe('web');
  });
});

describe('addresses of a service', () => {
  it('go back when the name is taken', async () => {
    const { object } = await fixture.create('services');
    await refusalOf(fixture.create('services'));
    expect(await allocatedIps()).toEqual([(object as Service).spec.clusterIP]);
  });

  it('are others under another generated name, when somebody took the first meanwhile', async () => {
    collide('services', 1);
    const remove = fixture.store.delete.bind(fixture.store);
    const taken: string[] = [];
    fixture.store.delete = async (resource, key, ...rest) => {
      const result = await remove(resource, key, ...rest);
      taken.push(await fixture.allocations.allocateClusterIp('somebody', key));
      return result;
    };
    const { object } = await fixture.create('services', {
      metadata: { name: undefined, generateName: 'svc-' },
    });
    expect(taken).toHaveLength(1);
    expect(taken).not.toContain((object as Service).spec.clusterIP);
  });

  it('stay when the store did not answer: the service may be there', async () => {
    const create = fixture.store.create.bind(fixture.store);
    fixture.store.create = async (resource, ...rest) => {
      if (resource === 'services') throw new StoreUnavailableError('no answer');
      return create(resource, ...rest);
    };
    expect(await refusalOf(fixture.create('services'))).toMatchObject({ code: 503 });
    expect(await allocatedIps()).toHaveLength(1);
  });
});

describe('a dry run', () => {
  it('answers as the creation would, without a revision, and stores and tells nothing', async () => {
    const watch = await fixture.watch('configmaps', { resourceVersion: '0' });
    const before = await fixture.store.currentRevision();
    const { value, object } = await fixture.create('configmaps', {}, dryRun());
    expect(JSON.parse(value)).toEqual({
      metadata: {
        name: 'web',
        namespace: 'default',
        uid: object.metadata.uid,
        creationTimestamp: formatTime(fixture.clock.now()),
      },
      data: { 'a.txt': 'text' },
    });
    await fixture.delivered();
    expect(watch.told).toEqual([]);
    expect(await fixture.store.currentRevision()).toBe(before);
  });

  it('refuses a name that is taken', async () => {
    await fixture.create('configmaps');
    expect(await refusalOf(fixture.create('configmaps', {}, dryRun()))).toMatchObject({
      reason: 'AlreadyExists',
    });
  });

  it('shows addresses and keeps none', async () => {
    const { object } = await fixture.create('services', {}, dryRun());
    expect((object as Service).spec.clusterIP).toMatch(/^10\.96\./);
    expect(await allocatedIps()).toEqual([]);
  });

  it('does not take away the address of the service whose name is taken', async () => {
    const { object } = await fixture.create('services');
    await refusalOf(fixture.create('services', {}, dryRun()));
    expect(await allocatedIps()).toEqual([(object as Service).spec.clusterIP]);
  });
});

it('gives a pod what admission and defaults give', async () => {
  const { object } = await fixture.create('pods');
  expect((object as Pod).spec).toMatchObject({ serviceAccountName: 'default', restartPolicy: 'Always' });
});
