import type { EphemeralContainer, Pod } from '@orrery/api/gen/types.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../registry/sample-objects.ts';
import { ApiFixture, dryRun, refusalOf } from './test-support/api-fixture.ts';

let fixture: ApiFixture;
beforeEach(async () => {
  fixture = await ApiFixture.start();
});
afterEach(() => fixture.close());

const POD = 'Pod "web" is invalid: ';
const small = { cpu: '100m', memory: '64Mi' };
const sidecar = { name: 'side', image: 'i', restartPolicy: 'Always', resources: { requests: small } };
const init = { name: 'init', image: 'i', resources: { requests: small, limits: small } };

const create = (spec: Json = {}, metadata: Json = {}): Promise<unknown> =>
  fixture.create('pods', {
    metadata,
    spec: { containers: [{ name: 'main', image: 'nginx', resources: { requests: small } }], ...spec },
  });

const debug = (change: (containers: EphemeralContainer[]) => EphemeralContainer[]): Promise<unknown> =>
  fixture.patch<Pod>(
    'pods',
    'web',
    ({ spec }) => {
      spec.ephemeralContainers = change(spec.ephemeralContainers ?? []);
    },
    'ephemeralcontainers',
  );

describe('ephemeralcontainers', () => {
  const shell: EphemeralContainer = { name: 'shell', image: 'busybox' };

  it('adds a container with its defaults, as a new generation, and nothing else', async () => {
    await create();
    await fixture.patch<Pod>(
      'pods',
      'web',
      (pod) => {
        pod.spec.ephemeralContainers = [shell];
        pod.spec.containers[0]!.image = 'other';
        pod.metadata.labels = { a: 'b' };
      },
      'ephemeralcontainers',
    );
    const pod = await fixture.get<Pod>('pods', 'web');
    expect(pod.spec.ephemeralContainers).toEqual([
      {
        ...shell,
        imagePullPolicy: 'Always',
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
    ]);
    expect(pod.spec.containers[0]!.image).toBe('nginx');
    expect(pod.metadata).toMatchObject({ generation: 2 });
    expect(pod.metadata.labels).toBeUndefined();
  });

  it('neither removes nor changes one', async () => {
    await create();
    await debug(() => [shell]);
    const begin = `${POD}spec.ephemeralContainers: Forbidden: existing ephemeral containers "shell" may not be`;
    expect((await refusalOf(debug(() => []))).message).toBe(`${begin} removed\n`);
    const changed = debug(([first]) => [{ ...first!, image: 'alpine' }]);
    expect((await refusalOf(changed)).message).toBe(`${begin} changed\n`);
  });

  it.each<[string, Partial<EphemeralContainer>, string]>([
    [
      'ports',
      { ports: [{ containerPort: 80 }] },
      'ports: Forbidden: cannot be set for an Ephemeral Container',
    ],
    [
      'resources',
      { resources: { requests: small } },
      'resources: Forbidden: cannot be set for an Ephemeral Container',
    ],
    ['the name of another container', { name: 'main' }, 'name: Duplicate value: "main"'],
    ['a target that is not there', { targetContainerName: 'x' }, 'targetContainerName: Not found: "x"'],
  ])('refuses %s', async (_case, fields, expected) => {
    await create();
    const { message } = await refusalOf(debug(() => [{ ...shell, ...fields }]));
    expect(message).toBe(`${POD}spec.ephemeralContainers[0].${expected}`);
  });

  it('refuses the mirror of a static pod', async () => {
    await create({ nodeName: 'n' }, { annotations: { 'kubernetes.io/config.mirror': 'x' } });
    const { message } = await refusalOf(debug(() => [shell]));
    expect(message).toContain('Forbidden: static pods do not support ephemeral containers');
  });
});

describe('resize', () => {
  const resize = (change: (pod: Pod) => void): Promise<unknown> =>
    fixture.patch<Pod>('pods', 'web', change, 'resize');

  it('changes amounts of containers and sidecars, as a new generation, and nothing else', async () => {
    await create({ initContainers: [sidecar] });
    await resize((pod) => {
      pod.spec.containers[0]!.resources!.requests!['cpu'] = '200m';
      pod.spec.initContainers![0]!.resources!.requests!['memory'] = '1Gi';
      pod.spec.containers[0]!.image = 'other';
      pod.metadata.labels = { a: 'b' };
    });
    const { metadata, spec } = await fixture.get<Pod>('pods', 'web');
    expect(spec.containers[0]).toMatchObject({
      image: 'nginx',
      resources: { requests: { cpu: '200m', memory: '64Mi' } },
    });
    expect(spec.initContainers![0]!.resources!.requests).toEqual({ cpu: '100m', memory: '1Gi' });
    expect(metadata).toMatchObject({ generation: 2 });
    expect(metadata.labels).toBeUndefined();
  });

  it('may lower a limit of memory, which 1.33 forbade', async () => {
    await create({
      containers: [{ name: 'main', image: 'i', resources: { requests: small, limits: { memory: '1Gi' } } }],
    });
    await resize(({ spec }) => {
      spec.containers[0]!.resources!.limits!['memory'] = '128Mi';
    });
    const { spec } = await fixture.get<Pod>('pods', 'web');
    expect(spec.containers[0]!.resources!.limits).toEqual({ memory: '128Mi' });
  });

  const spec = ({ spec: { containers } }: Pod): Pod['spec']['containers'][number] => containers[0]!;

  it.each<[string, (pod: Pod) => void, string]>([
    [
      'removes a request',
      (pod) => void delete spec(pod).resources!.requests!['cpu'],
      'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
    ],
    [
      'changes the QoS class',
      (pod) => void (spec(pod).resources = { requests: small, limits: small }),
      'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
    ],
    [
      'changes another resource',
      (pod) => void (spec(pod).resources!.requests!['ephemeral-storage'] = '1Gi'),
      'spec: Forbidden: only cpu and memory resources are mutable',
    ],
    [
      'changes the policy',
      (pod) => void (spec(pod).resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }]),
      'spec: Forbidden: only cpu and memory resources are mutable',
    ],
    [
      'asks for more than the limit',
      (pod) => void (spec(pod).resources!.requests!['memory'] = '2Gi'),
      'spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi',
    ],
    [
      'changes an init container',
      (pod) => void (pod.spec.initContainers![0]!.resources!.requests!['cpu'] = '50m'),
      'spec: Forbidden: resources for non-sidecar init containers are immutable',
    ],
    [
      'renames a container',
      (pod) => void (spec(pod).name = 'other'),
      'spec.containers: Forbidden: containers may not be renamed or reordered on resize',
    ],
    [
      'adds a container',
      (pod) => void pod.spec.containers.push({ name: 'more', image: 'i' }),
      'spec.containers: Forbidden: containers may not be added or removed on resize',
    ],
  ])('is refused when it %s', async (_case, change, expected) => {
    const resources = { requests: small, limits: { memory: '1Gi' } };
    await create({ containers: [{ name: 'main', image: 'i', resources }], initContainers: [init] });
    const refusal = await refusalOf(resize(change));
    expect(refusal).toMatchObject({ code: 422, message: `${POD}${expected}` });
  });
});

describe('an eviction', () => {
  const evict = (context = dryRun(), uid?: string): Promise<void> =>
    fixture.api.evict('default', 'web', uid === undefined ? {} : { preconditions: { uid } }, context);

  it('deletes the pod, or says what it would do', async () => {
    await create();
    await evict(dryRun());
    await fixture.get('pods', 'web');
    await evict({ ...dryRun(), dryRun: false });
    expect((await refusalOf(fixture.get('pods', 'web'))).code).toBe(404);
  });

  it('tells the owner why a pod goes that is given time to', async () => {
    await create({ nodeName: 'n1' });
    await evict({ ...dryRun(), dryRun: false });
    const { metadata, status } = await fixture.get<Pod>('pods', 'web');
    expect(metadata.deletionGracePeriodSeconds).toBe(30);
    expect(status?.conditions).toMatchObject([
      {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
        message: 'Eviction API: evicting',
      },
    ]);
  });

  it('of a pod as it was at a revision counts its own mark for nothing', async () => {
    await create({ nodeName: 'n1' });
    const { metadata } = await fixture.get<Pod>('pods', 'web');
    const at = (resourceVersion: string): Promise<void> =>
      fixture.api.evict(
        'default',
        'web',
        { preconditions: { resourceVersion } },
        { ...dryRun(), dryRun: false },
      );
    expect((await refusalOf(at('1'))).code).toBe(409);
    await at(metadata.resourceVersion);
    expect((await fixture.get('pods', 'web')).metadata.deletionTimestamp).toBeDefined();
  });

  it('is refused for no pod and for another one of the name', async () => {
    expect((await refusalOf(evict())).code).toBe(404);
    await create();
    expect((await refusalOf(evict(dryRun(), 'other'))).code).toBe(409);
  });
});
