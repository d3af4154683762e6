import type {
  Container,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Volume,
} from '@orrery/api/gen/types.ts';
import { describe, expect, test } from 'vitest';
import { put, textOf } from '../test-support/container-files.ts';
import { boundPod, container } from '../test-support/objects.ts';
import { VolumesUnderTest } from '../test-support/volumes-under-test.ts';
import { MountError } from './volume-manager.ts';

type PodSpec = Pod['spec'];

/** A pod whose containers all mount the volume at /v. */
function podWith(
  volume: Omit<Volume, 'name'>,
  mount: Partial<NonNullable<Container['volumeMounts']>[number]> = {},
  more: Partial<PodSpec> = {},
  name = 'web',
) {
  const volumeMounts = [{ name: 'v', mountPath: '/v', ...mount }];
  const containers = [container('web', { volumeMounts }), container('side', { volumeMounts })];
  return boundPod(name, { containers, volumes: [{ name: 'v', ...volume }], ...more });
}

describe('emptyDir', () => {
  test('is shared by the containers of a pod, and ends with it', async () => {
    const world = new VolumesUnderTest();
    const pod = await world.mount(podWith({ emptyDir: {} }));
    const [web, side] = [world.filesOf(pod, 0), world.filesOf(pod, 1)];
    put(web, '/v/index.html', 'hello');
    expect(textOf(side, '/v/index.html')).toBe('hello');
    expect(side.stat('/v').mode).toBe(0o777);
    world.volumes.unmount(pod.metadata.uid);
    expect(world.trees.names().size).toBe(0);
    expect(world.filesOf(await world.mount(podWith({ emptyDir: {} }))).list('/v')).toEqual([]);
  });

  test('over its limit has the pod evicted, in memory it is full', async () => {
    const world = new VolumesUnderTest();
    const disk = await world.mount(podWith({ emptyDir: { sizeLimit: '1Ki' } }));
    const files = world.filesOf(disk);
    put(files, '/v/a', 'x'.repeat(1_024));
    expect(world.volumes.overLimit(disk)).toBeUndefined();
    files.write('/v/a', Buffer.from('x'), { append: true });
    expect(world.volumes.overLimit(disk)).toBe('Usage of EmptyDir volume "v" exceeds the limit "1Ki". ');
    const memory = await world.mount(
      podWith({ emptyDir: { medium: 'Memory', sizeLimit: '1Ki' } }, {}, {}, 'm'),
    );
    expect(() => put(world.filesOf(memory), '/v/a', 'x'.repeat(1_024))).toThrow('No space left on device');
    expect(world.filesOf(memory).space('/v').totalBytes).toBe(1_024);
  });

  test('belongs to the group of the pod: who runs as somebody else may write', async () => {
    const world = new VolumesUnderTest();
    const securityContext = { runAsUser: 1_000, fsGroup: 2_000 };
    const files = world.filesOf(await world.mount(podWith({ emptyDir: {} }, {}, { securityContext })));
    put(files, '/v/testfile', 'hello');
    expect(files.stat('/v')).toMatchObject({ mode: 0o2777, uid: 0, gid: 2_000 });
    expect(files.stat('/v/testfile')).toMatchObject({ uid: 1_000, gid: 2_000 });
    expect(() => put(files, '/etc/x', '')).toThrow('Permission denied');
  });
});

describe('hostPath', () => {
  test('is the same for all pods of a node, and outlives them', async () => {
    const world = new VolumesUnderTest();
    const hostPath = { hostPath: { path: '/mnt/data', type: 'DirectoryOrCreate' } };
    const first = await world.mount(podWith(hostPath));
    put(world.filesOf(first), '/v/a', 'kept');
    world.volumes.unmount(first.metadata.uid);
    expect(textOf(world.filesOf(await world.mount(podWith(hostPath, {}, {}, 'next'))), '/v/a')).toBe('kept');
    const elsewhere = await world.mount(podWith(hostPath, {}, { nodeName: 'node-2' }, 'elsewhere'));
    expect(world.filesOf(elsewhere).list('/v')).toEqual([]);
  });

  test.each<[string, string, string | undefined]>([
    ['/var/log', 'Directory', undefined],
    ['/new', 'DirectoryOrCreate', undefined],
    ['/new/deep', '', undefined],
    ['/mnt/new', 'FileOrCreate', undefined],
    ['/gone', 'Directory', 'hostPath type check failed: /gone is not a directory'],
    ['/gone', 'File', 'hostPath type check failed: /gone is not a file'],
    ['/var/log', 'FileOrCreate', 'hostPath type check failed: /var/log is not a file'],
    ['/gone/new', 'FileOrCreate', 'open /gone/new: no such file or directory'],
    ['/run/docker.sock', 'Socket', 'hostPath type check failed: /run/docker.sock is not a socket file'],
  ])('%s of type %j', async (path, type, message) => {
    const mounted = new VolumesUnderTest().mount(podWith({ hostPath: { path, type } }));
    if (message === undefined) await mounted;
    else await expect(mounted).rejects.toThrow(`MountVolume.SetUp failed for volume "v" : ${message}`);
  });

  test('can be one file', async () => {
    const world = new VolumesUnderTest();
    const pod = await world.mount(podWith({ hostPath: { path: '/mnt/one', type: 'FileOrCreate' } }));
    put(world.filesOf(pod), '/v', 'text');
    expect(textOf(world.trees.open('nodes/node-1'), '/mnt/one')).toBe('text');
  });
});

describe('configMap and secret', () => {
  test('show their keys as upstream lays them out, read-only', async () => {
    const world = new VolumesUnderTest();
    world.configMap('settings', { data: { a: 'one', b: 'two' }, binaryData: { bin: 'AAE=' } });
    const files = world.filesOf(
      await world.mount(podWith({ configMap: { name: 'settings', defaultMode: 0o640 } })),
    );
    expect(files.list('/v')).toEqual([
      expect.stringMatching(/^\.\.2026_01_01_00_00_00\.\d+$/),
      '..data',
      'a',
      'b',
      'bin',
    ]);
    expect(files.stat('/v/a', { followSymlinks: false })).toMatchObject({
      type: 'symlink',
      target: '..data/a',
    });
    expect(textOf(files, '/v/a')).toBe('one');
    expect(files.stat('/v/a').mode).toBe(0o640);
    expect([...files.read('/v/bin')]).toEqual([0, 1]);
    expect(() => put(files, '/v/a', 'x')).toThrow('Read-only file system');
  });

  test('show the items that are asked for, at their paths and with their modes', async () => {
    const world = new VolumesUnderTest();
    world.secret('login', { user: 'admin', pass: 's3cret' });
    const items = [{ key: 'user', path: 'my/group/name', mode: 0o400 }];
    const files = world.filesOf(await world.mount(podWith({ secret: { secretName: 'login', items } })));
    expect(files.list('/v/my/group')).toEqual(['name']);
    expect(textOf(files, '/v/my/group/name')).toBe('admin');
    expect(files.stat('/v/my/group/name').mode).toBe(0o400);
  });

  test('of a pod with a group can be read by it', async () => {
    const world = new VolumesUnderTest();
    world.secret('login', { user: 'admin' });
    const securityContext = { runAsUser: 1_000, fsGroup: 2_000 };
    const volume = { secret: { secretName: 'login', defaultMode: 0o400 } };
    const files = world.filesOf(await world.mount(podWith(volume, {}, { securityContext })));
    expect(files.stat('/v/user')).toMatchObject({ mode: 0o440, gid: 2_000 });
    expect(textOf(files, '/v/user')).toBe('admin');
  });

  test.each<[Omit<Volume, 'name'>, string]>([
    [{ configMap: { name: 'gone' } }, 'configmap "gone" not found'],
    [{ secret: { secretName: 'gone' } }, 'secret "gone" not found'],
    [
      { configMap: { name: 'settings', items: [{ key: 'k', path: 'p' }] } },
      'configmap references non-existent config key: k',
    ],
    [
      { secret: { secretName: 'login', items: [{ key: 'k', path: 'p' }] } },
      'references non-existent secret key: k',
    ],
    [
      { projected: { sources: [{ secret: { name: 'gone' } }, { configMap: { name: 'gone' } }] } },
      '[secret "gone" not found, configmap "gone" not found]',
    ],
  ])('%j fails the mount, unless it is optional', async (volume, message) => {
    const world = new VolumesUnderTest();
    world.configMap('settings', { data: {} });
    world.secret('login', {});
    const failed = world.mount(podWith(volume));
    await expect(failed).rejects.toThrow(MountError);
    await expect(failed).rejects.toThrow(`MountVolume.SetUp failed for volume "v" : ${message}`);
    const optional = JSON.parse(
      JSON.stringify(volume).replaceAll(/("(?:secretN|n)ame":)/g, '"optional":true,$1'),
    ) as Volume;
    const files = world.filesOf(await world.mount(podWith(optional)));
    expect(files.list('/v').filter((name) => !name.startsWith('..'))).toEqual([]);
  });

  test('that the informer does not show yet are asked for', async () => {
    const world = new VolumesUnderTest();
    const metadata = { namespace: 'default', name: 'new', uid: 'u', creationTimestamp: '' };
    world.stored.set('configmaps default/new', { metadata, data: { a: '1' } } as never);
    const pod = await world.mount(podWith({ configMap: { name: 'new' } }));
    expect(textOf(world.filesOf(pod), '/v/a')).toBe('1');
  });

  test('follow a change after the sync period, all at once; not by subPath', async () => {
    const world = new VolumesUnderTest();
    world.configMap('settings', { data: { a: 'old', gone: '' } });
    const pod = await world.mount(podWith({ configMap: { name: 'settings' } }));
    const files = world.filesOf(pod);
    const byPath = world.filesOf(
      await world.mount(
        podWith({ configMap: { name: 'settings' } }, { mountPath: '/etc/a', subPath: 'a' }, {}, 'p'),
      ),
    );
    const [before] = [files.list('/v')[0], textOf(byPath, '/etc/a')];
    world.configMap('settings', { data: { a: 'new', b: 'more' } });
    await world.clock.advance(59_000);
    expect(textOf(files, '/v/a')).toBe('old');
    await world.clock.advance(1_000);
    expect(textOf(files, '/v/a')).toBe('new');
    expect(files.list('/v')).toEqual([expect.not.stringMatching(before!), '..data', 'a', 'b']);
    expect(textOf(byPath, '/etc/a')).toBe('old');
    world.configMaps.offer({ type: 'delete', object: world.configMaps.lister.get('default/settings')! });
    await world.clock.advance(60_000);
    expect(textOf(files, '/v/a')).toBe('new');
  });

  test('cost nothing until somebody looks, and no timer after that is over', async () => {
    const world = new VolumesUnderTest();
    world.configMap('settings', { data: { a: '1' } });
    const pod = await world.mount(podWith({ configMap: { name: 'settings' } }));
    const files = world.filesOf(pod);
    expect(files.list('/etc')).not.toEqual([]);
    expect([world.trees.names().size, world.clock.pendingTimers]).toEqual([0, 0]);
    files.read('/v/a');
    expect([world.trees.names().size, world.clock.pendingTimers]).toEqual([1, 1]);
    world.volumes.unmount(pod.metadata.uid);
    await world.clock.advance(60_000);
    expect([world.trees.names().size, world.clock.pendingTimers]).toEqual([0, 0]);
  });
});

describe('projected', () => {
  const tokenVolume = {
    projected: {
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3_600 } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  };

  test('has the token as soon as who looks is ready, and another in time', async () => {
    const world = new VolumesUnderTest();
    world.configMap('kube-root-ca.crt', { data: { 'ca.crt': 'PEM' } });
    const pod = await world.mount(podWith(tokenVolume, {}, { serviceAccountName: 'robot' }));
    const files = world.filesOf(pod);
    expect(world.tokenRequests).toEqual([]);
    await Promise.all([world.volumes.ready(pod.metadata.uid), world.volumes.ready(pod.metadata.uid)]);
    expect(['token', 'ca.crt', 'namespace'].map((name) => textOf(files, `/v/${name}`))).toEqual([
      'token 1 of robot',
      'PEM',
      'default',
    ]);
    expect(world.tokenRequests).toEqual([
      {
        expirationSeconds: 3_600,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: 'uid-web' },
      },
    ]);
    await world.clock.advance(47 * 60_000);
    expect(world.tokenRequests).toHaveLength(1);
    await world.clock.advance(60_000);
    expect(textOf(files, '/v/token')).toBe('token 2 of robot');
  });

  test('gets the token too when somebody looked without waiting', async () => {
    const world = new VolumesUnderTest();
    world.configMap('kube-root-ca.crt', { data: { 'ca.crt': 'PEM' } });
    const files = world.filesOf(await world.mount(podWith(tokenVolume)));
    expect(files.exists('/v/token')).toBe(false);
    await world.clock.advance(0);
    expect(textOf(files, '/v/token')).toBe('token 1 of default');
  });
});

describe('downwardAPI', () => {
  test('follows labels and annotations', async () => {
    const world = new VolumesUnderTest();
    const items = [
      { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
      {
        path: 'limit',
        resourceFieldRef: { containerName: 'web', resource: 'limits.memory', divisor: '1Gi' },
      },
    ];
    const draft = podWith({ downwardAPI: { items } });
    draft.metadata.labels = { zone: 'a' };
    const pod = await world.mount(draft);
    const files = world.filesOf(pod);
    expect([textOf(files, '/v/labels'), textOf(files, '/v/limit')]).toEqual(['zone="a"', '16']);
    world.pods.set('default/web', { ...pod, metadata: { ...pod.metadata, labels: { zone: 'b' } } });
    await world.clock.advance(60_000);
    expect(textOf(files, '/v/labels')).toBe('zone="b"');
  });
});

describe('subPath', () => {
  test('mounts a directory of the volume, made when it is not there', async () => {
    const world = new VolumesUnderTest();
    const volumeMounts = [
      { name: 'v', mountPath: '/logs', subPathExpr: '$(POD_NAME)/logs' },
      { name: 'v', mountPath: '/all' },
    ];
    const pod = await world.mount(
      podWith({ emptyDir: {} }, {}, { containers: [container('web', { volumeMounts })] }),
    );
    const files = world.filesOf(pod);
    put(files, '/logs/a', 'x');
    expect(textOf(files, '/all/web/logs/a')).toBe('x');
  });

  test.each<[object, string]>([
    [{ subPathExpr: '$(NOT_SET)/x' }, 'missing value for NOT_SET'],
    [{ subPath: '/absolute' }, 'error SubPath `/absolute` must not be an absolute path'],
    [{ subPath: 'a/../..' }, "unable to provision SubPath `a/../..`: must not contain '..'"],
  ])('%j cannot be mounted', async (mount, message) => {
    const world = new VolumesUnderTest();
    const pod = await world.mount(podWith({ emptyDir: {} }, mount));
    expect(() => world.filesOf(pod)).toThrow(message);
  });

  test('does not leave the volume through a symlink', async () => {
    const world = new VolumesUnderTest();
    const pod = await world.mount(podWith({ emptyDir: {} }));
    world.filesOf(pod).symlink('/etc', '/v/out');
    const inner = podWith({ emptyDir: {} }, { subPath: 'out' }) as Pod;
    inner.metadata.uid = pod.metadata.uid;
    const mountsOf = () => world.volumes.mountsOf(inner, inner.spec.containers[0]!);
    expect(mountsOf).toThrow('failed to create subPath directory for volumeMount "v" of container "web"');
    put(world.filesOf(pod), '/v/file', 'inside');
    world.filesOf(pod).remove('/v/out');
    world.filesOf(pod).symlink('/file', '/v/out');
    expect(mountsOf()).toMatchObject([{ tree: 'pods/uid-web/volumes/v', subPath: 'file' }]);
  });
});

describe('persistentVolumeClaim', () => {
  function withClaim(phase: string, spec: Partial<PersistentVolume['spec']> = {}, storage = '1Gi') {
    const world = new VolumesUnderTest();
    const metadata = { namespace: 'default', name: 'data', uid: 'claim-1' };
    world.claims.offer({
      type: 'put',
      object: {
        metadata,
        spec: { volumeName: 'pv-1' },
        status: { phase, capacity: { storage } },
      } as unknown as PersistentVolumeClaim,
    });
    world.persistentVolumes.offer({
      type: 'put',
      object: {
        metadata: { name: 'pv-1', uid: 'volume-1' },
        spec: { claimRef: { namespace: 'default', name: 'data', uid: 'claim-1' }, ...spec },
      } as PersistentVolume,
    });
    return world;
  }
  const volume = { persistentVolumeClaim: { claimName: 'data' } };

  test('keeps its data over pods, on whatever node they run', async () => {
    const world = withClaim('Bound');
    const first = await world.mount(podWith(volume));
    put(world.filesOf(first), '/v/a', 'kept');
    world.volumes.unmount(first.metadata.uid);
    const next = await world.mount(podWith(volume, { readOnly: true }, { nodeName: 'node-2' }, 'next'));
    expect(textOf(world.filesOf(next), '/v/a')).toBe('kept');
    expect(() => put(world.filesOf(next), '/v/b', '')).toThrow('Read-only file system');
  });

  test('is as large as it says, and full when it is', async () => {
    const world = withClaim('Bound', {}, '4Ki');
    const pod = await world.mount(podWith(volume));
    await world
      .mount(podWith({ persistentVolumeClaim: { claimName: 'to-come' } }, {}, {}, 'waits'))
      .catch(() => 0);
    const files = world.filesOf(pod);
    expect(files.space('/v').totalBytes).toBe(4_096);
    expect(() => put(files, '/v/a', 'x'.repeat(5_000))).toThrow('No space left on device');
    const claim = world.claims.lister.get('default/data')!;
    const grown = { ...claim, status: { ...claim.status, capacity: { storage: '1Gi' } } };
    world.claims.offer({ type: 'put', object: grown });
    world.volumes.grown(grown, pod);
    put(files, '/v/a', 'x'.repeat(5_000));
    expect(files.space('/v').totalBytes).toBe(1_073_741_824);
    expect(() => put(files, '/v/b', 'x'.repeat(64 * 1024 * 1024))).toThrow('No space left on device');
  });

  test('of a volume on a node is a directory there', async () => {
    const world = withClaim('Bound', { hostPath: { path: '/mnt/data' } });
    put(world.filesOf(await world.mount(podWith(volume))), '/v/a', 'x');
    expect(textOf(world.trees.open('nodes/node-1'), '/mnt/data/a')).toBe('x');
  });

  test.each<[string, VolumesUnderTest, object]>([
    ['PVC is not bound', withClaim('Pending'), volume],
    [
      'failed to fetch PVC from API server: persistentvolumeclaims "data" not found',
      new VolumesUnderTest(),
      volume,
    ],
  ])('waits while %s', async (message, world, source) => {
    await expect(world.mount(podWith(source))).rejects.toThrow(
      `Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC default/data: ${message}`,
    );
  });

  test("that is ephemeral must be the pod's own", async () => {
    const world = new VolumesUnderTest();
    const metadata = { namespace: 'default', name: 'web-v', uid: 'claim-2' };
    world.claims.offer({
      type: 'put',
      object: { metadata, status: { phase: 'Bound' } } as PersistentVolumeClaim,
    });
    await expect(world.mount(podWith({ ephemeral: {} }))).rejects.toThrow(
      'PVC default/web-v was not created for pod default/web (pod is not owner)',
    );
  });
});
