/** PersistentVolumes and claims: how they find each other, grow, move and go, with kubectl and pods. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, nodeAgents: 2 });
});
afterAll(() => cluster.remove());

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (...items: object[]): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });
const claimOf = (name: string): Promise<PersistentVolumeClaim> =>
  cluster.get<PersistentVolumeClaim>('pvc', name);
const volumeOf = (name: string): Promise<PersistentVolume> => cluster.get<PersistentVolume>('pv', name);
const volumeNameOf = async (name: string): Promise<string> => (await claimOf(name)).spec.volumeName!;
const run = (name: string, script: string): Promise<string> =>
  kubectl('exec', name, '--', 'sh', '-c', script);
const eventsOf = (name: string): Promise<string> =>
  kubectl('get', 'events', `--field-selector=involvedObject.name=${name}`);

function claim(name: string, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  };
}

function volume(name: string, spec: object, labels: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '2Gi' },
      storageClassName: 'static',
      hostPath: { path: `/mnt/${name}` },
      ...spec,
    },
  };
}

function pod(name: string, claimName: string, more: object = {}): object {
  const volumeMounts = [{ name: 'data', mountPath: '/data' }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'busybox', command: ['sleep', '100000'], volumeMounts }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
      ...more,
    },
  };
}

const isBound = (name: string): Promise<unknown> =>
  eventually(`${name} is bound`, async () => (await claimOf(name)).status?.phase === 'Bound');
const isReady = (name: string): Promise<string> =>
  kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s');

describe('volumes that an administrator has made', () => {
  it('are taken by size, mode, selector and name, each by one claim', async () => {
    const inClass = { storageClassName: 'static' };
    await apply(
      volume('small', { capacity: { storage: '1Gi' } }),
      volume('large', { capacity: { storage: '9Gi' } }),
      volume('fast', {}, { disk: 'ssd' }),
      volume('block', { volumeMode: 'Block' }),
      volume('shared', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }),
      volume('kept', { claimRef: { namespace: 'default', name: 'chosen' } }),
      volume('named', {}),
      claim('by-name', { ...inClass, volumeName: 'named' }),
      claim('chosen', inClass),
      claim('by-mode', { ...inClass, accessModes: ['ReadWriteMany'] }),
      claim('by-block', { ...inClass, volumeMode: 'Block' }),
      claim('by-selector', { ...inClass, selector: { matchLabels: { disk: 'ssd' } } }),
      claim('by-size', { ...inClass, resources: { requests: { storage: '5Gi' } } }),
    );
    const wanted = {
      'by-name': 'named',
      chosen: 'kept',
      'by-mode': 'shared',
      'by-block': 'block',
      'by-selector': 'fast',
      'by-size': 'large',
    };
    for (const [name, found] of Object.entries(wanted)) {
      await isBound(name);
      expect([name, (await claimOf(name)).spec.volumeName]).toEqual([name, found]);
    }
    expect((await volumeOf('small')).status?.phase).toBe('Available');
    await apply(claim('too-large', { ...inClass, resources: { requests: { storage: '90Gi' } } }));
    expect(await kubectl('get', 'pvc', 'too-large')).toContain('Pending');
  });

  it('are Released when their claims go, and anybody’s when they are set free', async () => {
    await kubectl('delete', 'pvc', 'by-name');
    await eventually('it is Released', async () => (await volumeOf('named')).status?.phase === 'Released');
    await kubectl('patch', 'pv', 'named', '--type=json', '-p=[{"op":"remove","path":"/spec/claimRef"}]');
    await eventually('it is Available', async () => (await volumeOf('named')).status?.phase === 'Available');
  });

  it('are emptied by a pod where they are to be recycled, with a warning beforehand', async () => {
    const recycled = (name: string, source: object): object =>
      volume(name, { persistentVolumeReclaimPolicy: 'Recycle', storageClassName: name, ...source });
    const warned = await cluster.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify(recycled('old', {})),
    });
    expect(warned.stderr).toContain(
      'Warning: spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    );
    await apply(
      recycled('far', { hostPath: undefined, nfs: { server: 'files', path: '/' } }),
      claim('of-old', { storageClassName: 'old' }),
      claim('of-far', { storageClassName: 'far' }),
      pod('writer', 'of-old', { nodeName: 'node-1' }),
    );
    await Promise.all([isReady('writer'), isBound('of-far')]);
    await run('writer', 'echo secret > /data/file');
    // So that the recycler comes to where the data is.
    await kubectl('cordon', 'node-2');
    await kubectl('delete', 'pod', 'writer');
    await kubectl('delete', 'pvc', 'of-old', 'of-far');
    await eventually('it is free', async () => (await volumeOf('old')).status?.phase === 'Available');
    await kubectl('uncordon', 'node-2');
    await eventually('the event', async () => (await eventsOf('old')).includes('VolumeRecycled'));
    await eventually('no other can be', async () => (await volumeOf('far')).status?.phase === 'Failed');
    await eventually('the event', async () => (await eventsOf('far')).includes('VolumeFailedRecycle'));
    await apply(claim('next', { storageClassName: 'old' }), pod('reader', 'next', { nodeName: 'node-1' }));
    await isReady('reader');
    expect(await run('reader', 'ls -A /data')).toBe('');
  });

  it('of a node’s own are had there alone', async () => {
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-2'] }];
    const local = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'local' },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'WaitForFirstConsumer',
    };
    await apply(
      local,
      volume('disk', {
        storageClassName: 'local',
        hostPath: undefined,
        local: { path: '/mnt/disk' },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
      }),
      claim('on-disk', { storageClassName: 'local' }),
    );
    await eventually('it waits', async () => (await eventsOf('on-disk')).includes('WaitForFirstConsumer'));
    expect((await claimOf('on-disk')).status?.phase).toBe('Pending');
    await apply(pod('near-disk', 'on-disk'));
    await isReady('near-disk');
    expect((await cluster.get<Pod>('pod', 'near-disk')).spec.nodeName).toBe('node-2');
    expect((await claimOf('on-disk')).spec.volumeName).toBe('disk');
  });
});

describe('a claim of the standard class', () => {
  it('grows: the volume first, the file system when a pod has it mounted', async () => {
    await apply(claim('growing'));
    await isBound('growing');
    const more = '{"spec":{"resources":{"requests":{"storage":"3Gi"}}}}';
    await kubectl('patch', 'pvc', 'growing', '-p', more);
    await eventually('the file system waits', async () => {
      const { status } = await claimOf('growing');
      return status?.allocatedResourceStatuses?.['storage'] === 'NodeResizePending';
    });
    const { status } = await claimOf('growing');
    expect(status).toMatchObject({
      capacity: { storage: '1Gi' },
      allocatedResources: { storage: '3Gi' },
      conditions: [
        {
          type: 'FileSystemResizePending',
          status: 'True',
          message: 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.',
        },
      ],
    });
    expect((await volumeOf(await volumeNameOf('growing'))).spec.capacity).toEqual({ storage: '3Gi' });
    await apply(pod('grower', 'growing'));
    const hasSize = (storage: string): Promise<unknown> =>
      eventually(`it has ${storage}`, async () => {
        const grown = (await claimOf('growing')).status;
        return grown?.capacity?.['storage'] === storage && grown.conditions === undefined;
      });
    await hasSize('3Gi');
    // And while it is mounted.
    await kubectl('patch', 'pvc', 'growing', '-p', more.replace('3Gi', '5Gi'));
    await hasSize('5Gi');
    await eventually('the pod sees it', async () => (await run('grower', 'df -h /data')).includes('5.0G'));
    await eventually('the events', async () => {
      const said = `${await eventsOf('growing')}${await eventsOf('grower')}`;
      return ['Resizing', 'FileSystemResizeRequired', 'FileSystemResizeSuccessful'].every((each) =>
        said.includes(each),
      );
    });
    const less = await cluster.kubectl(['patch', 'pvc', 'growing', '-p', more.replace('3Gi', '2Gi')]);
    expect(less.stderr).toContain('field can not be less than status.capacity');
  });

  it('stays while a pod uses it, and takes its volume along', async () => {
    await apply(claim('used'), pod('user', 'used'));
    await isReady('user');
    const made = await volumeNameOf('used');
    expect((await volumeOf(made)).metadata.finalizers?.toSorted()).toEqual([
      'external-provisioner.volume.kubernetes.io/finalizer',
      'kubernetes.io/pv-protection',
    ]);
    await kubectl('delete', 'pvc', 'used', '--wait=false');
    await kubectl('delete', 'pv', made, '--wait=false');
    expect(await kubectl('get', 'pvc', 'used')).toContain('Terminating');
    expect(await kubectl('get', 'pv', made)).toContain('Terminating');
    await kubectl('delete', 'pod', 'user');
    await kubectl('wait', '--for=delete', 'pvc/used', `pv/${made}`, '--timeout=20s');
  });
});

describe('a claim for one pod only', () => {
  it('lets the next pod wait, on whatever node, until the first is gone', async () => {
    await apply(claim('alone', { accessModes: ['ReadWriteOncePod'] }), pod('first', 'alone'));
    await isReady('first');
    await apply(pod('second', 'alone'));
    await eventually('the second pod says why it waits', async () => {
      const { status } = await cluster.get<Pod>('pod', 'second');
      return status?.conditions?.some(
        ({ type, message }) =>
          type === 'PodScheduled' &&
          message?.includes(
            '2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
          ) === true,
      );
    });
    await kubectl('delete', 'pod', 'first');
    await isReady('second');
    await kubectl('delete', 'pod/second', 'pvc/alone');
  });
});

describe('the data of a claim', () => {
  const onNode = (name: string, claimName: string, nodeName: string): object =>
    pod(name, claimName, { nodeName });

  it('is one for pods of several agents at once, and survives their death', async () => {
    await apply(claim('shared', { accessModes: ['ReadWriteMany'] }));
    await isBound('shared');
    await apply(onNode('here', 'shared', 'node-1'), onNode('there', 'shared', 'node-2'));
    await Promise.all(['here', 'there'].map(isReady));
    await Promise.all(
      ['here', 'there'].map((name) =>
        run(name, `i=0; while [ $i -lt 20 ]; do echo "${name} $i" >> /data/log; i=$((i+1)); done`),
      ),
    );
    const log = await run('here', 'cat /data/log');
    expect(log.trim().split('\n')).toHaveLength(40);
    expect(await run('there', 'cat /data/log')).toBe(log);
    await run('there', 'echo last > /data/last');
    await cluster.signal('node-agent-1', 'SIGKILL');
    expect(await run('here', 'cat /data/last')).toBe('last\n');
    await run('here', 'echo meanwhile > /data/meanwhile');
    await eventually(
      'the other agent is back',
      async () => (await run('there', 'cat /data/meanwhile')) === 'meanwhile\n',
    );
  });

  it('goes with its volume, and leaves nothing behind', async () => {
    const uid = (await volumeOf(await volumeNameOf('shared'))).metadata.uid;
    const directory = join(cluster.data, 'state', 'claims');
    const isKept = (): boolean => readdirSync(directory).some((each) => each.includes(uid));
    expect(isKept()).toBe(true);
    await kubectl('delete', 'pod', 'here', 'there');
    await kubectl('delete', 'pvc', 'shared');
    await eventually('the data is gone', async () => !isKept());
  });
});
