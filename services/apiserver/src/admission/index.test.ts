import type { KubeObject, Node, PersistentVolumeClaim, Pod } from '@orrery/api/gen/types.ts';
import { StatusError } from '@orrery/api/status-error.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { definitionOf, type Json, sample } from '../registry/sample-objects.ts';
import type { RequestContext } from '../verbs/api.ts';
import { CACHE_MS } from './cached-reader.ts';
import { createAdmission } from './index.ts';

const context: RequestContext = {
  traceId: 't',
  user: { name: 'admin', groups: [] },
  dryRun: false,
  warnings: [],
};

class World {
  readonly clock = new ManualClock();
  readonly reads: string[] = [];
  readonly objects = new Map<string, KubeObject>();
  readonly admission = createAdmission(
    {
      get: (resource, namespace, name) => {
        const key = [resource, namespace, name].join('/');
        this.reads.push(key);
        return Promise.resolve(this.objects.get(key));
      },
      list: (resource) =>
        Promise.resolve(
          [...this.objects].filter(([key]) => key.startsWith(`${resource}/`)).map(([, each]) => each),
        ),
    },
    this.clock,
  );

  constructor() {
    this.objects.set(
      'namespaces//default',
      sample('namespaces', { status: { phase: 'Active' } }, { name: 'default' }),
    );
    this.objects.set('serviceaccounts/default/default', sample('serviceaccounts', {}, { name: 'default' }));
  }

  async create<T extends KubeObject>(resource: string, fields: Json = {}, metadata: Json = {}): Promise<T> {
    const object = sample<T>(resource, fields, metadata);
    definitionOf(resource).defaults?.(object);
    await this.admission.admitCreate(definitionOf(resource), object, context);
    return object;
  }

  pod(spec: Json = {}, metadata: Json = {}): Promise<Pod> {
    return this.create('pods', { spec: { containers: [{ name: 'main', image: 'i' }], ...spec } }, metadata);
  }
}

async function errorOf(work: Promise<unknown>): Promise<StatusError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StatusError)) throw new Error('nothing was refused');
  return error;
}

describe('NamespaceLifecycle', () => {
  it('needs the namespace', async () => {
    const error = await errorOf(new World().create('configmaps', {}, { namespace: 'nowhere' }));
    expect(error.toStatus()).toMatchObject({
      code: 404,
      reason: 'NotFound',
      message: 'namespaces "nowhere" not found',
      details: { name: 'nowhere', kind: 'namespaces' },
    });
  });

  it('refuses new content while the namespace is deleted', async () => {
    const world = new World();
    world.objects.set('namespaces//default', sample('namespaces', { status: { phase: 'Terminating' } }));
    const error = await errorOf(world.create('configmaps'));
    expect(error.toStatus()).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message:
        'configmaps "web" is forbidden: unable to create new content in namespace default because it is being terminated',
      details: {
        causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }],
        retryAfterSeconds: 1,
      },
    });
  });

  it('does not ask about cluster-scoped objects', async () => {
    const world = new World();
    await world.create('namespaces');
    expect(world.reads).toEqual([]);
  });

  it('remembers a namespace for a moment, and never that one is missing', async () => {
    const world = new World();
    await world.create('configmaps');
    await world.create('configmaps');
    expect(world.reads).toHaveLength(1);
    await world.clock.advance(CACHE_MS);
    await world.create('configmaps');
    expect(world.reads).toHaveLength(2);
    await errorOf(world.create('configmaps', {}, { namespace: 'new' }));
    world.objects.set('namespaces//new', sample('namespaces'));
    await expect(world.create('configmaps', {}, { namespace: 'new' })).resolves.toBeDefined();
  });

  it('forgets when it is told to', async () => {
    const world = new World();
    await world.create('configmaps');
    world.objects.delete('namespaces//default');
    world.admission.forget('namespaces', '', 'default');
    expect((await errorOf(world.create('configmaps'))).code).toBe(404);
  });
});

describe('ServiceAccount', () => {
  it('gives pods the default account and its token', async () => {
    const { spec } = await new World().pod();
    expect(spec).toMatchObject({ serviceAccountName: 'default', serviceAccount: 'default' });
    const [volume] = spec.volumes ?? [];
    expect(volume?.name).toMatch(/^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(volume?.projected).toEqual({
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    });
    expect(spec.containers[0]?.volumeMounts).toEqual([
      { name: volume?.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ]);
  });

  it('leaves pods valid and unchanged the second time', async () => {
    const world = new World();
    const pod = await world.pod();
    const once = structuredClone(pod);
    await world.admission.admitCreate(definitionOf('pods'), pod, context);
    expect(pod).toEqual(once);
    expect(definitionOf('pods').validate(pod)).toEqual([]);
  });

  it('mounts nothing when the pod or the account says so', async () => {
    const world = new World();
    expect((await world.pod({ automountServiceAccountToken: false })).spec.volumes).toBeUndefined();
    world.objects.set(
      'serviceaccounts/default/quiet',
      sample('serviceaccounts', { automountServiceAccountToken: false, imagePullSecrets: [{ name: 's' }] }),
    );
    const quiet = await world.pod({ serviceAccountName: 'quiet' });
    expect(quiet.spec.volumes).toBeUndefined();
    expect(quiet.spec.imagePullSecrets).toEqual([{ name: 's' }]);
  });

  it('needs the account', async () => {
    const error = await errorOf(new World().pod({ serviceAccountName: 'robot' }));
    expect([error.code, error.message]).toEqual([
      403,
      'pods "web" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found',
    ]);
  });
});

describe('Priority', () => {
  it.each([
    [undefined, 0],
    ['system-node-critical', 2_000_001_000],
    ['system-cluster-critical', 2_000_000_000],
  ])('of class %s is %d', async (priorityClassName, priority) => {
    const { spec } = await new World().pod(priorityClassName === undefined ? {} : { priorityClassName });
    expect(spec).toMatchObject({ priority, preemptionPolicy: 'PreemptLowerPriority' });
  });

  it('is refused when the class is unknown or the number another', async () => {
    expect((await errorOf(new World().pod({ priorityClassName: 'gold' }))).message).toBe(
      'pods "web" is forbidden: no PriorityClass with name gold was found',
    );
    expect((await errorOf(new World().pod({ priority: 7 }))).message).toBe(
      'pods "web" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    );
  });
});

describe('DefaultTolerationSeconds', () => {
  const lost = (name: string): Json => ({
    key: `node.kubernetes.io/${name}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  });

  it('lets pods stay on a lost node for five minutes', async () => {
    expect((await new World().pod()).spec.tolerations).toEqual([lost('not-ready'), lost('unreachable')]);
  });

  it('leaves alone what the pod says itself', async () => {
    const own = {
      key: 'node.kubernetes.io/not-ready',
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 5,
    };
    expect((await new World().pod({ tolerations: [own] })).spec.tolerations).toEqual([
      own,
      lost('unreachable'),
    ]);
    expect((await new World().pod({ tolerations: [{ operator: 'Exists' }] })).spec.tolerations).toHaveLength(
      1,
    );
  });

  it('also adds them on updates', async () => {
    const pod = sample<Pod>('pods');
    await new World().admission.admitUpdate(definitionOf('pods'), pod, pod, context);
    expect(pod.spec.tolerations).toHaveLength(2);
  });
});

describe('TaintNodesByCondition', () => {
  const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

  it('taints a new node, unless it is ready', async () => {
    expect((await new World().create<Node>('nodes')).spec.taints).toEqual([taint]);
    expect((await new World().create<Node>('nodes', { spec: { taints: [taint] } })).spec.taints).toEqual([
      taint,
    ]);
    const status = { conditions: [{ type: 'Ready', status: 'True' }] };
    expect((await new World().create<Node>('nodes', { status })).spec.taints).toBeUndefined();
  });
});

describe('storage', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  const DEFAULT = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  const addClass = (name: string, created: string, fields: Json = {}, annotations: Json = DEFAULT): void => {
    const metadata = { name, annotations, creationTimestamp: created };
    world.objects.set(`storageclasses.storage.k8s.io//${name}`, sample('storageclasses', fields, metadata));
    world.admission.forget('storageclasses.storage.k8s.io', '', name);
  };
  const classOf = async (spec: Json = {}): Promise<string | undefined> =>
    (await world.create<PersistentVolumeClaim>('persistentvolumeclaims', { spec })).spec.storageClassName;

  it('gives a claim the newest default class, unless it asks for another or for none', async () => {
    expect(await classOf()).toBeUndefined();
    addClass('other', '2026-03-01T00:00:00Z', {}, {});
    addClass('old', '2026-01-01T00:00:00Z');
    addClass('b', '2026-02-01T00:00:00Z');
    addClass('a', '2026-02-01T00:00:00Z');
    expect(await classOf()).toBe('a');
    expect(await classOf({ storageClassName: 'other' })).toBe('other');
    expect(await classOf({ storageClassName: '' })).toBe('');
  });

  it.each([
    ['a class that allows it', 'Bound', { allowVolumeExpansion: true }, undefined],
    [
      'a class that does not',
      'Bound',
      {},
      'persistentvolumeclaims "web" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    ],
    [
      'no volume yet',
      'Pending',
      { allowVolumeExpansion: true },
      'persistentvolumeclaims "web" is forbidden: Only bound persistent volume claims can be expanded',
    ],
  ])('lets a claim grow or not: with %s', async (_case, phase, fields, expected) => {
    addClass('disk', '2026-01-01T00:00:00Z', fields);
    const claim = (storage: string): PersistentVolumeClaim =>
      sample('persistentvolumeclaims', {
        spec: { storageClassName: 'disk', resources: { requests: { storage } } },
        status: { phase },
      });
    const admit = (storage: string): Promise<void> =>
      world.admission.admitUpdate(
        definitionOf('persistentvolumeclaims'),
        claim(storage),
        claim('1Gi'),
        context,
      );
    await admit('1Gi');
    if (expected === undefined) await admit('2Gi');
    else expect((await errorOf(admit('2Gi'))).message).toBe(expected);
  });
});

describe('LimitRanger', () => {
  const withRange = (...limits: Json[]): World => {
    const world = new World();
    world.objects.set('limitranges/default/bounds', sample('limitranges', { spec: { limits } }));
    return world;
  };
  const containers = (resources: Json): Json => ({ containers: [{ name: 'main', image: 'i', resources }] });

  it('fills in what containers leave open, and says so', async () => {
    const world = withRange({
      type: 'Container',
      default: { cpu: '1' },
      defaultRequest: { cpu: '500m', memory: '1Gi' },
    });
    const { spec, metadata } = await world.pod({
      ...containers({ requests: { memory: '2Gi' } }),
      initContainers: [{ name: 'first', image: 'i' }],
    });
    expect(spec.containers[0]!.resources).toEqual({
      requests: { memory: '2Gi', cpu: '500m' },
      limits: { cpu: '1' },
    });
    expect(metadata.annotations).toEqual({
      'kubernetes.io/limit-ranger':
        'LimitRanger plugin set: cpu request for container main; cpu limit for container main; ' +
        'cpu, memory request for init container first; cpu limit for init container first',
    });
  });

  it.each<[string, Json, Json, string | undefined]>([
    ['enough', { type: 'Container', min: { cpu: '1' } }, { requests: { cpu: '1' } }, undefined],
    [
      'too little',
      { type: 'Container', min: { cpu: '1' } },
      { requests: { cpu: '500m' } },
      'minimum cpu usage per Container is 1, but request is 500m',
    ],
    [
      'nothing',
      { type: 'Container', min: { cpu: '1' } },
      {},
      'minimum cpu usage per Container is 1.  No request is specified',
    ],
    [
      'a limit that is too low',
      { type: 'Container', min: { cpu: '1' } },
      { requests: { cpu: '1' }, limits: { cpu: '900m' } },
      'minimum cpu usage per Container is 1, but limit is 900m',
    ],
    [
      'no limit',
      { type: 'Container', max: { memory: '1Gi' } },
      {},
      'maximum memory usage per Container is 1Gi.  No limit is specified',
    ],
    [
      'a limit that is too high',
      { type: 'Container', max: { memory: '1Gi' } },
      { limits: { memory: '2Gi' } },
      'maximum memory usage per Container is 1Gi, but limit is 2Gi',
    ],
    [
      'too much and too far apart',
      { type: 'Container', max: { cpu: '1' }, maxLimitRequestRatio: { cpu: '2' } },
      { requests: { cpu: '500m' }, limits: { cpu: '1500m' } },
      '[maximum cpu usage per Container is 1, but limit is 1500m, cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000]',
    ],
    [
      'too much in all',
      { type: 'Pod', max: { memory: '1Gi' } },
      { limits: { memory: '2Gi' } },
      'maximum memory usage per Pod is 1Gi, but limit is 2Gi',
    ],
  ])('judges a pod that asks for %s', async (_, item, resources, expected) => {
    const creation = withRange(item).pod(containers(resources));
    if (expected === undefined) await expect(creation).resolves.toBeDefined();
    else {
      expect((await errorOf(creation)).toStatus()).toMatchObject({
        code: 403,
        reason: 'Forbidden',
        message: `pods "web" is forbidden: ${expected}`,
      });
    }
  });

  it.each([
    ['500Mi', 'minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi'],
    ['1Gi', undefined],
    ['3Gi', 'maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi'],
  ])('judges a claim for %s', async (storage, expected) => {
    const world = withRange({
      type: 'PersistentVolumeClaim',
      min: { storage: '1Gi' },
      max: { storage: '2Gi' },
    });
    const creation = world.create('persistentvolumeclaims', {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
    });
    if (expected === undefined) await expect(creation).resolves.toBeDefined();
    else {
      expect((await errorOf(creation)).message).toBe(
        `persistentvolumeclaims "web" is forbidden: ${expected}`,
      );
    }
  });
});
