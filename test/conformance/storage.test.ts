/** Claims and volumes as the tutorials of the Kubernetes documentation use them, with a real kubectl. */

import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2 });
  await eventually('the default service account', () =>
    cluster.kubectl(['get', 'serviceaccount', 'default']).then(({ code }) => code === 0),
  );
});
afterAll(() => cluster.remove());

const run = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (input: string): Promise<string> => cluster.kubectlOk(['apply', '-f', '-'], { input });
const claimOf = (name: string): Promise<PersistentVolumeClaim> => cluster.get('pvc', name);

const claim = (name: string, fields = ''): string => `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ${name}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 3Gi}}${fields}}
---`;

const pod = (name: string, volume: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers: [{name: main, image: nginx, volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, ${volume}}]
---`;

const ofClaim = (name: string): string => `persistentVolumeClaim: {claimName: ${name}}`;

describe('a volume made by hand', () => {
  it('is bound to the claim that it is good for, and kept after it', async () => {
    await apply(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: task-pv-volume, labels: {type: local}}
spec: {storageClassName: manual, capacity: {storage: 10Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /mnt/data}}`);
    await eventually('it is free', async () =>
      (await run('get', 'pv', 'task-pv-volume')).match(
        /task-pv-volume\s+10Gi\s+RWO\s+Retain\s+Available\s+manual/,
      ),
    );
    await apply(claim('task-pv-claim', ', storageClassName: manual'));
    await run('wait', '--for=jsonpath={.status.phase}=Bound', 'pvc/task-pv-claim', '--timeout=30s');
    expect(await run('get', 'pvc', 'task-pv-claim')).toMatch(
      /task-pv-claim\s+Bound\s+task-pv-volume\s+10Gi\s+RWO\s+manual/,
    );
    expect(await run('get', 'pv', 'task-pv-volume')).toMatch(/Bound\s+default\/task-pv-claim\s+manual/);
    await run('delete', 'pvc', 'task-pv-claim', '--timeout=30s');
    await run('wait', '--for=jsonpath={.status.phase}=Released', 'pv/task-pv-volume', '--timeout=30s');
    await run('delete', 'pv', 'task-pv-volume', '--timeout=30s');
  });
});

describe('the default class', () => {
  it('is there, and is shown as what it is', async () => {
    expect(await run('get', 'sc')).toMatch(
      /standard \(default\)\s+orrery\.dev\/simulated\s+Delete\s+Immediate\s+true/,
    );
    expect(await run('describe', 'sc', 'standard')).toMatch(/IsDefaultClass:\s+Yes/);
  });

  it('gives a claim its volume, which lives and dies with it', async () => {
    await apply(claim('made') + pod('user', ofClaim('made')));
    await run('wait', '--for=condition=Ready', 'pod/user', '--timeout=60s');
    const { spec } = await claimOf('made');
    expect(spec).toMatchObject({ storageClassName: 'standard', volumeMode: 'Filesystem' });
    const volume = await cluster.get<PersistentVolume>('pv', spec.volumeName!);
    expect(volume.spec).toMatchObject({
      capacity: { storage: '3Gi' },
      persistentVolumeReclaimPolicy: 'Delete',
    });
    const described = await run('describe', 'pvc', 'made');
    expect(described).toMatch(/Used By:\s+user/);
    expect(described).toContain('ProvisioningSucceeded');
    // A claim in use only goes with its last pod.
    await run('delete', 'pvc', 'made', '--wait=false');
    expect(await run('get', 'pvc', 'made')).toMatch(/made\s+Terminating/);
    await run('delete', 'pod', 'user', '--grace-period=0', '--force');
    await run('wait', '--for=delete', 'pvc/made', `pv/${spec.volumeName!}`, '--timeout=30s');
  });

  it('lets a claim grow', async () => {
    await apply(claim('growing'));
    await run('wait', '--for=jsonpath={.status.phase}=Bound', 'pvc/growing', '--timeout=30s');
    await run('patch', 'pvc', 'growing', '-p', '{"spec":{"resources":{"requests":{"storage":"5Gi"}}}}');
    await run('wait', '--for=condition=FileSystemResizePending', 'pvc/growing', '--timeout=30s');
    await apply(pod('grower', ofClaim('growing')));
    await run('wait', '--for=jsonpath={.status.capacity.storage}=5Gi', 'pvc/growing', '--timeout=30s');
    const smaller = await cluster.kubectl([
      'patch',
      'pvc',
      'growing',
      '-p',
      '{"spec":{"resources":{"requests":{"storage":"1Gi"}}}}',
    ]);
    expect(smaller.stderr).toContain('field can not be less than status.capacity');
  });
});

describe('a pod', () => {
  it('waits for a claim that is not there', async () => {
    await apply(pod('early', ofClaim('late')));
    await eventually('it is told why', async () =>
      (await run('describe', 'pod', 'early')).includes(
        '0/2 nodes are available: persistentvolumeclaim "late" not found. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
      ),
    );
    await apply(claim('late'));
    await run('wait', '--for=condition=Ready', 'pod/early', '--timeout=60s');
  });

  it('gets the claim of its ephemeral volume, which goes with it', async () => {
    const template = 'spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}';
    await apply(pod('scratch', `ephemeral: {volumeClaimTemplate: {${template}}}`));
    await run('wait', '--for=condition=Ready', 'pod/scratch', '--timeout=60s');
    const { metadata } = await claimOf('scratch-data');
    expect(metadata.ownerReferences).toMatchObject([{ kind: 'Pod', name: 'scratch' }]);
    await run('delete', 'pod', 'scratch', '--grace-period=0', '--force');
    await run('wait', '--for=delete', 'pvc/scratch-data', '--timeout=60s');
  });

  it('brings the volume to its node, where the class waits for that', async () => {
    await apply(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: late}
provisioner: orrery.dev/simulated
volumeBindingMode: WaitForFirstConsumer
---${claim('first', ', storageClassName: late')}`);
    await eventually('the claim waits', async () =>
      (await run('describe', 'pvc', 'first')).includes(
        'waiting for first consumer to be created before binding',
      ),
    );
    await apply(pod('consumer', ofClaim('first')));
    await run('wait', '--for=condition=Ready', 'pod/consumer', '--timeout=60s');
    const { spec } = await cluster.get<Pod>('pod', 'consumer');
    const { metadata, status } = await claimOf('first');
    expect(status?.phase).toBe('Bound');
    expect(metadata.annotations?.['volume.kubernetes.io/selected-node']).toBe(spec.nodeName);
  });
});
