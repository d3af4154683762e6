import type {
  ConfigMap,
  Deployment,
  KubeObject,
  Lease,
  Namespace,
  Pod,
  Service,
} from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { OBJECT_MODIFIED } from '@orrery/api/status-error.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { definitionOf, sample } from '../registry/sample-objects.ts';
import { ApiFixture, dryRun, refusalOf, requestContext } from './test-support/api-fixture.ts';
import { CONFLICT_TRIES } from './write.ts';

let fixture: ApiFixture;
beforeEach(async () => {
  fixture = await ApiFixture.start();
});
afterEach(() => fixture.close());

const FINALIZER = 'example.com/wait';

/** Somebody else writes the ConfigMap `web` right before each of the first `times` updates. */
function interfere(times: number): void {
  const update = fixture.store.update.bind(fixture.store);
  let left = times;
  fixture.store.update = async (resource, key, revision, value, options) => {
    if (resource === 'configmaps' && left > 0) {
      left -= 1;
      const present = (await fixture.store.get(resource, key))!;
      const object = JSON.parse(present.value) as ConfigMap;
      object.metadata.annotations = { left: String(left) };
      const [head, tail] = JSON.stringify({
        ...object,
        metadata: { ...object.metadata, resourceVersion: '@@' },
      }).split('@@');
      await update(resource, key, present.revision, { head: head!, tail: tail! });
    }
    return update(resource, key, revision, value, options);
  };
}

describe('PUT', () => {
  it('replaces the object and moves its revision on', async () => {
    const { object, revision } = await fixture.create('configmaps');
    const watch = await fixture.watch('configmaps', { resourceVersion: String(revision) });
    const next = { ...object, data: { b: 'two' } } as KubeObject;
    const result = await fixture.put('configmaps', next);
    expect(result).toMatchObject({ created: false });
    expect(result.revision).toBeGreaterThan(revision);
    expect(await fixture.get('configmaps', 'web')).toEqual({
      metadata: { ...object.metadata, resourceVersion: String(result.revision) },
      data: { b: 'two' },
    });
    await fixture.delivered();
    expect(watch.told).toEqual(['MODIFIED web']);
  });

  it('keeps what only the server decides', async () => {
    const { object } = await fixture.create('deployments');
    const next = jsonClone(object);
    Object.assign(next.metadata, {
      creationTimestamp: '2001-01-01T00:00:00Z',
      generation: 42,
      deletionTimestamp: '2001-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 3,
      labels: { a: 'b' },
    });
    const { object: result } = await fixture.put('deployments', next);
    expect(result.metadata).toEqual({
      ...object.metadata,
      labels: { a: 'b' },
      resourceVersion: result.metadata.resourceVersion,
    });
  });

  it('that changes nothing keeps the revision and tells nobody', async () => {
    const { object, revision } = await fixture.create('deployments');
    const watch = await fixture.watch('deployments', { resourceVersion: String(revision) });
    expect((await fixture.put('deployments', jsonClone(object))).revision).toBe(revision);
    expect(await fixture.store.currentRevision()).toBe(revision);
    await fixture.delivered();
    expect(watch.told).toEqual([]);
  });

  it('raises the generation with the spec only', async () => {
    const { object } = await fixture.create('deployments');
    const labelled = await fixture.patch('deployments', 'web', ({ metadata }) => {
      metadata.labels = { a: 'b' };
    });
    expect(labelled.object.metadata.generation).toBe(1);
    const scaled = await fixture.patch<Deployment>('deployments', 'web', ({ spec }) => {
      spec.replicas = 7;
    });
    expect(scaled.object.metadata).toMatchObject({ generation: 2, uid: object.metadata.uid });
  });

  it('leaves the status as it is', async () => {
    const { object } = await fixture.create('deployments');
    const { object: result } = await fixture.put('deployments', {
      ...jsonClone(object),
      metadata: { ...object.metadata, labels: { a: 'b' } },
      status: { replicas: 9 },
    } as KubeObject);
    expect(result).toHaveProperty('status', (object as Deployment).status);
  });

  it('with a revision that is no longer current is a conflict', async () => {
    const { object } = await fixture.create('configmaps');
    await fixture.patch<ConfigMap>('configmaps', 'web', (each) => {
      each.data = { b: '1' };
    });
    expect(await refusalOf(fixture.put('configmaps', object))).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: `Operation cannot be fulfilled on configmaps "web": ${OBJECT_MODIFIED}`,
      details: { name: 'web', kind: 'configmaps' },
    });
  });

  it('without a revision overwrites, however often somebody else writes in between', async () => {
    await fixture.create('configmaps');
    interfere(4);
    const object = sample('configmaps', { data: { b: '2' } }, { uid: undefined });
    await fixture.put('configmaps', object);
    expect(await fixture.get<ConfigMap>('configmaps', 'web')).toMatchObject({ data: { b: '2' } });
  });

  it('gives up after a hundred conflicts, not for ever', async () => {
    await fixture.create('configmaps');
    interfere(CONFLICT_TRIES);
    const object = sample('configmaps', { data: { b: '2' } }, { uid: undefined });
    expect(await refusalOf(fixture.put('configmaps', object))).toMatchObject({
      reason: 'Conflict',
      message: expect.stringContaining(OBJECT_MODIFIED),
    });
  });

  it.each([
    [{ name: 'other' }, 400, 'the name of the object (other) does not match the name on the URL (web)'],
    [
      { namespace: 'other' },
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [{ uid: 'u2' }, 409, 'Precondition failed: UID in precondition: u2, UID in object meta: '],
  ])('with %o is refused with %i', async (metadata, code, message) => {
    await fixture.create('configmaps');
    const object = sample('configmaps', {}, { uid: undefined, ...metadata });
    const put = fixture.api.update(
      definitionOf('configmaps'),
      'default',
      'web',
      object,
      { subresource: '' },
      requestContext(),
    );
    expect(await refusalOf(put)).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('of an invalid object or change is refused', async () => {
    const { object } = await fixture.create('deployments');
    const changed = jsonClone(object) as Deployment;
    changed.spec.selector = { matchLabels: { app: 'other' } };
    expect(await refusalOf(fixture.put('deployments', changed))).toMatchObject({ code: 422 });
  });

  it('without a revision is refused for kinds that need one', async () => {
    await fixture.create('leases');
    const refusal = await refusalOf(fixture.put('leases', sample('leases', {}, { uid: undefined })));
    expect(refusal).toMatchObject({
      code: 422,
      message:
        'leases.coordination.k8s.io "web" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    });
  });

  it('of what is not there is 404, or creates where the kind allows it', async () => {
    const missing = sample('configmaps', {}, { uid: undefined });
    expect(await refusalOf(fixture.put('configmaps', missing))).toMatchObject({
      code: 404,
      message: 'configmaps "web" not found',
    });
    const lease = sample<Lease>('leases', {}, { uid: undefined });
    expect(await fixture.put('leases', lease)).toMatchObject({ created: true });
    const old = sample('leases', {}, { name: 'gone', uid: undefined, resourceVersion: '3' });
    expect(await refusalOf(fixture.put('leases', old))).toMatchObject({ reason: 'Conflict' });
  });

  it('in a dry run answers but stores nothing', async () => {
    const { object, revision } = await fixture.create('configmaps');
    const next = { ...object, data: { b: '2' } } as KubeObject;
    const result = await fixture.put('configmaps', next, '', dryRun());
    expect(JSON.parse(result.value)).toMatchObject({
      metadata: { resourceVersion: String(revision) },
      data: { b: '2' },
    });
    expect(await fixture.get('configmaps', 'web')).toEqual(object);
  });
});

describe('PATCH', () => {
  it('reads again when somebody else wrote in between, so that nothing is lost', async () => {
    await fixture.create('configmaps');
    interfere(2);
    await fixture.patch<ConfigMap>('configmaps', 'web', (each) => {
      each.data = { b: '2' };
    });
    expect(await fixture.get<ConfigMap>('configmaps', 'web')).toMatchObject({
      metadata: { annotations: { left: '0' } },
      data: { b: '2' },
    });
  });

  it('of many at once loses nothing, and none of them is told of a conflict', async () => {
    await fixture.create('configmaps');
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    await Promise.all(
      keys.map((key) =>
        fixture.patch<ConfigMap>('configmaps', 'web', (each) => {
          each.data = { ...each.data, [key]: 'v' };
        }),
      ),
    );
    expect(Object.keys((await fixture.get<ConfigMap>('configmaps', 'web')).data ?? {})).toEqual(
      expect.arrayContaining(keys),
    );
  });

  it('with another resourceVersion is a conflict', async () => {
    await fixture.create('configmaps');
    const patch = fixture.patch('configmaps', 'web', ({ metadata }) => {
      metadata.resourceVersion = '1';
    });
    expect(await refusalOf(patch)).toMatchObject({ reason: 'Conflict' });
  });

  it('cannot rename', async () => {
    await fixture.create('configmaps');
    const patch = fixture.patch('configmaps', 'web', ({ metadata }) => {
      metadata.name = 'other';
    });
    expect(await refusalOf(patch)).toMatchObject({ code: 400 });
  });

  it('never creates', async () => {
    expect(await refusalOf(fixture.patch('leases', 'web', () => undefined))).toMatchObject({ code: 404 });
  });
});

describe('the status subresource', () => {
  it('takes the status alone and keeps the generation', async () => {
    const { object } = await fixture.create('deployments');
    const request = jsonClone(object) as Deployment;
    request.spec.replicas = 5;
    request.metadata.labels = { a: 'b' };
    request.status = { replicas: 1, observedGeneration: 1 };
    const { object: result } = await fixture.put('deployments', request, 'status');
    expect(result).toEqual({
      ...object,
      metadata: { ...object.metadata, resourceVersion: result.metadata.resourceVersion },
      status: { replicas: 1, observedGeneration: 1 },
    });
  });

  it('keeps the revision when the status is the same', async () => {
    const { object, revision } = await fixture.create('pods');
    expect((await fixture.put('pods', jsonClone(object), 'status')).revision).toBe(revision);
  });
});

describe('the finalize subresource', () => {
  it('lets a namespace under deletion go', async () => {
    await fixture.create('namespaces', { metadata: { name: 'team' } });
    const { object, revision } = await fixture.delete('namespaces', 'team');
    const watch = await fixture.watch('namespaces', { resourceVersion: String(revision) });
    const request = jsonClone(object) as Namespace;
    request.spec.finalizers = [];
    await fixture.put('namespaces', request, 'finalize');
    expect(await refusalOf(fixture.get('namespaces', 'team'))).toMatchObject({ code: 404 });
    await fixture.delivered();
    expect(watch.told).toEqual(['DELETED team']);
  });

  it('changes nothing else, and does not delete', async () => {
    const { object } = await fixture.create('namespaces', { metadata: { name: 'team' } });
    const request = jsonClone(object) as Namespace;
    request.spec.finalizers = ['example.com/mine'];
    request.metadata.labels = {};
    await fixture.put('namespaces', request, 'finalize');
    expect(await fixture.get<Namespace>('namespaces', 'team')).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'team' } },
      spec: { finalizers: ['example.com/mine'] },
    });
  });
});

describe('a finalizer that cannot be one', () => {
  it('does not reach the store through the finalize subresource either', async () => {
    const { object } = await fixture.create('namespaces', { metadata: { name: 'team' } });
    const request = jsonClone(object) as Namespace;
    request.spec.finalizers = ['mine'];
    expect(await refusalOf(fixture.put('namespaces', request, 'finalize'))).toMatchObject({
      code: 422,
      message: expect.stringContaining('name is neither a standard finalizer name nor is it fully qualified'),
    });
  });
});

describe('an object under deletion', () => {
  async function deleting(resource: string, finalizers = [FINALIZER]): Promise<KubeObject> {
    await fixture.create(resource, { metadata: { finalizers } });
    return (await fixture.delete(resource, 'web')).object;
  }

  it('can still be changed, and keeps the time of its deletion', async () => {
    const object = await deleting('configmaps');
    const request = jsonClone(object) as ConfigMap;
    delete request.metadata.deletionTimestamp;
    request.data = { b: '2' };
    const { object: result } = await fixture.put('configmaps', request);
    expect(result).toMatchObject({
      metadata: { deletionTimestamp: object.metadata.deletionTimestamp, deletionGracePeriodSeconds: 0 },
      data: { b: '2' },
    });
  });

  it('takes no new finalizer', async () => {
    await deleting('configmaps');
    const patch = fixture.patch('configmaps', 'web', ({ metadata }) => {
      metadata.finalizers = [FINALIZER, 'example.com/more'];
    });
    expect(await refusalOf(patch)).toMatchObject({
      code: 422,
      message: expect.stringContaining('no new finalizers can be added if the object is being deleted'),
    });
  });

  it('stays while a finalizer is left', async () => {
    await deleting('configmaps', [FINALIZER, 'example.com/more']);
    await fixture.patch('configmaps', 'web', ({ metadata }) => {
      metadata.finalizers = [FINALIZER];
    });
    await expect(fixture.get('configmaps', 'web')).resolves.toBeDefined();
  });

  it('goes with its last finalizer: the answer is the object, watchers see it go at a later revision', async () => {
    const object = await deleting('configmaps');
    const { resourceVersion } = object.metadata;
    const watch = await fixture.watch('configmaps', { resourceVersion });
    const result = await fixture.patch('configmaps', 'web', ({ metadata }) => delete metadata.finalizers);
    expect(result.object.metadata).toMatchObject({ uid: object.metadata.uid, name: 'web' });
    expect(await refusalOf(fixture.get('configmaps', 'web'))).toMatchObject({ code: 404 });
    await fixture.delivered();
    const [event] = watch.received;
    expect(watch.told).toEqual(['DELETED web']);
    expect(event!.revision).toBeGreaterThan(Number(resourceVersion));
    expect(JSON.parse(event!.value)).toMatchObject({
      metadata: { resourceVersion: String(event!.revision) },
    });
  });

  it('waits for its grace even without finalizers', async () => {
    await fixture.create('pods', { metadata: { finalizers: [FINALIZER] }, spec: runningPodSpec });
    await fixture.delete('pods', 'web');
    await fixture.patch('pods', 'web', ({ metadata }) => delete metadata.finalizers);
    expect(await fixture.get('pods', 'web')).toMatchObject({
      metadata: { deletionGracePeriodSeconds: 30 },
    });
  });

  it('gives its addresses back when it goes, but not in a dry run', async () => {
    const { spec } = (await deleting('services')) as Service;
    const holders = async (): Promise<string[]> =>
      (await fixture.store.list({ resource: 'clusterips.internal' })).items.map(({ key }) => key);
    const letGo = (context = requestContext()) =>
      fixture.patch('services', 'web', ({ metadata }) => delete metadata.finalizers, '', context);
    await letGo(dryRun());
    await expect(fixture.get('services', 'web')).resolves.toBeDefined();
    expect(await holders()).toEqual([spec.clusterIP]);
    await letGo();
    expect(await holders()).toEqual([]);
  });
});

const runningPodSpec = { nodeName: 'n1', containers: [{ name: 'main', image: 'nginx' }] };

describe('binding', () => {
  const bind = (binding: { uid?: string; nodeName: string; annotations?: Record<string, string> }) =>
    fixture.api.bind('default', 'web', binding, requestContext());

  it('gives the pod its node, the condition in its old place, and the annotations', async () => {
    const { object } = await fixture.create('pods');
    const unschedulable = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' };
    const other = { type: 'Ready', status: 'False' };
    await fixture.patch<Pod>(
      'pods',
      'web',
      (pod) => {
        pod.status = { ...pod.status, conditions: [unschedulable, other] };
      },
      'status',
    );
    await bind({ uid: object.metadata.uid, nodeName: 'n1', annotations: { a: 'b' } });
    const pod = await fixture.get<Pod>('pods', 'web');
    expect(pod).toMatchObject({ metadata: { annotations: { a: 'b' } }, spec: { nodeName: 'n1' } });
    const { conditions } = pod.status!;
    // As Go writes a time that nobody has set.
    expect(conditions!.map(({ lastProbeTime }) => lastProbeTime)).toEqual([null, null]);
    expect(conditions!.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'PodScheduled=True',
      'Ready=False',
    ]);
    expect(conditions![0]).not.toHaveProperty('reason');
  });

  it.each([
    ['another uid', {}, { uid: 'u2' }, 'Precondition failed: UID in precondition: u2'],
    ['a node already', { spec: runningPodSpec }, {}, 'pod web is already assigned to node "n1"'],
    [
      'gates',
      { spec: { ...runningPodSpec, nodeName: undefined, schedulingGates: [{ name: 'wait' }] } },
      {},
      'pod web has non-empty .spec.schedulingGates',
    ],
  ])('is refused for a pod with %s', async (_what, fields, binding, message) => {
    await fixture.create('pods', fields);
    const refusal = await refusalOf(bind({ nodeName: 'n2', ...binding }));
    expect(refusal).toMatchObject({
      code: 409,
      message: expect.stringContaining(`Operation cannot be fulfilled on pods/binding "web": ${message}`),
    });
  });

  it('is refused for a pod under deletion', async () => {
    await fixture.create('pods', { metadata: { finalizers: [FINALIZER] } });
    await fixture.delete('pods', 'web');
    expect(await refusalOf(bind({ nodeName: 'n1' }))).toMatchObject({
      message: expect.stringContaining('pod web is being deleted, cannot be assigned to a host'),
    });
  });

  it('lets exactly one of two concurrent binds win', async () => {
    await fixture.create('pods');
    const outcomes = await Promise.allSettled([bind({ nodeName: 'n1' }), bind({ nodeName: 'n2' })]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});
