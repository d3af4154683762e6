import { describe, expect, it } from 'vitest';
import { findings, type Json, sample } from './sample-objects.ts';

/** What a pod is refused for that has this volume. */
const inPod = (volume: Json): string[] =>
  findings(
    'pods',
    sample('pods', {
      spec: { containers: [{ name: 'main', image: 'nginx:1' }], volumes: [{ name: 'v', ...volume }] },
    }),
  );

/** What a PersistentVolume is refused for that has this source. */
const inVolume = (source: Json, more: Json = {}): string[] => {
  const spec = { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, ...source, ...more };
  return findings('persistentvolumes', sample('persistentvolumes', { spec }));
};

const IQN = 'iqn.2001-04.com.example:storage';
const portal = { targetPortal: '10.0.0.1:3260', iqn: IQN, lun: 0 };

describe('a source that pods and volumes have in common', () => {
  it.each<[string, Json, string[]]>([
    ['a disk by name', { gcePersistentDisk: { pdName: 'd', partition: 1 } }, []],
    [
      'a disk without a name and beyond the last partition',
      { gcePersistentDisk: { partition: 256 } },
      [
        'persistentDisk.pdName: Required value',
        'persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive',
      ],
    ],
    [
      'a negative partition',
      { awsElasticBlockStore: { volumeID: 'v', partition: -1 } },
      ['awsElasticBlockStore.partition: Invalid value: -1: must be between 1 and 255, inclusive'],
    ],
    [
      'nothing to mount',
      { nfs: { server: 's', path: 'x' } },
      ['nfs.path: Invalid value: "x": must be an absolute path'],
    ],
    [
      'no dataset',
      { flocker: {} },
      ['flocker: Required value: one of datasetName and datasetUUID is required'],
    ],
    [
      'two names of a dataset, one with a slash',
      { flocker: { datasetName: 'a/b', datasetUUID: 'u' } },
      [
        'flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
        'flocker.datasetName: Invalid value: "a/b": must not contain \'/\'',
      ],
    ],
    ['several registries', { quobyte: { registry: 'a:1,[::1]:2', volume: 'v' } }, []],
    [
      'a registry without a port',
      { quobyte: { registry: 'a:1,b', volume: 'v' } },
      [
        'quobyte.registry: Invalid value: "a:1,b": must be a host:port pair or multiple pairs separated by commas',
      ],
    ],
    [
      'a tenant that is too long',
      { quobyte: { registry: 'a:1', volume: 'v', tenant: 'x'.repeat(65) } },
      ['quobyte.tenant: Required value: must be a UUID and may not exceed a length of 64 characters'],
    ],
    [
      'nothing of fibre channel',
      { fc: {} },
      ['fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both'],
    ],
    [
      'both names of fibre channel, without a unit',
      { fc: { targetWWNs: ['t'], wwids: ['w'] } },
      [
        'fc.targetWWNs: Invalid value: ["t"]: targetWWNs and wwids can not be specified simultaneously',
        'fc.lun: Required value: lun is required if targetWWNs is specified',
      ],
    ],
    [
      'a unit out of range',
      { fc: { targetWWNs: ['t'], lun: 256 } },
      ['fc.lun: Invalid value: 256: must be between 0 and 255, inclusive'],
    ],
    [
      "options in Kubernetes' own name",
      { flexVolume: { driver: 'd', options: { 'x.k8s.io/a': '1', 'example.com/b': '2' } } },
      [
        'flexVolume.options[x.k8s.io/a]: Invalid value: "x.k8s.io/a": kubernetes.io and k8s.io namespaces are reserved',
      ],
    ],
    [
      'a managed disk by the address of a blob',
      { azureDisk: { diskName: 'd', diskURI: 'https://x', kind: 'Managed', cachingMode: 'Some' } },
      [
        'azureDisk.cachingMode: Unsupported value: "Some": supported values: "None", "ReadOnly", "ReadWrite"',
        'azureDisk.diskURI: Unsupported value: "https://x": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"',
      ],
    ],
    [
      'a blob by something else',
      { azureDisk: { diskName: 'd', diskURI: '/x', kind: 'Shared' } },
      [
        'azureDisk.diskURI: Unsupported value: "/x": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"',
      ],
    ],
    ['no volume', { storageos: {} }, ['storageos.volumeName: Required value']],
  ])('with %s', (_case, source, expected) => {
    expect(inPod(source)).toEqual(expected.map((each) => `spec.volumes[0].${each}`));
    expect(inVolume(source)).toEqual(expected.map((each) => `spec.${each}`));
  });
});

describe('an iSCSI disk', () => {
  it.each<[string, Json, string[]]>([
    ['named by iqn', portal, []],
    ['named by eui', { ...portal, iqn: 'eui.0123456789abcdef' }, []],
    ['named by naa', { ...portal, iqn: `naa.${'0'.repeat(32)}` }, []],
    ['in a bad form', { ...portal, iqn: 'iqn.x' }, ['iqn: Invalid value: "iqn.x": must be valid format']],
    ['of no portal', { iqn: IQN, lun: 0 }, ['targetPortal: Required value']],
    [
      'with authentication but no secret',
      { ...portal, chapAuthSession: true },
      ['secretRef: Required value'],
    ],
    [
      'beyond the last unit',
      { ...portal, lun: 256 },
      ['lun: Invalid value: 256: must be between 0 and 255, inclusive'],
    ],
    [
      'for a strange initiator',
      { ...portal, initiatorName: 'eui.0' },
      ['initiatorname: Invalid value: "eui.0": must be valid format'],
    ],
  ])('%s', (_case, iscsi, expected) => {
    expect(inPod({ iscsi })).toEqual(expected.map((each) => `spec.volumes[0].iscsi.${each}`));
    expect(inVolume({ iscsi })).toEqual(expected.map((each) => `spec.iscsi.${each}`));
  });

  it('has findings of its own in each place', () => {
    const strange = { iscsi: { ...portal, iqn: 'x' } };
    expect(inPod(strange)).toEqual([
      'spec.volumes[0].iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa',
    ]);
    expect(inVolume(strange)).toEqual(['spec.iscsi.iqn: Invalid value: "x": must be valid format']);
    const long = { iscsi: { ...portal, targetPortal: 'x'.repeat(64), initiatorName: IQN } };
    const why =
      'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';
    expect(inPod(long)).toEqual([`spec.volumes[0].name: Invalid value: "v": ${why}`]);
    expect(inVolume(long)).toEqual([`spec.iscsi.targetportal: Invalid value: "${'x'.repeat(64)}": ${why}`]);
    expect(inVolume({ iscsi: { ...portal, secretRef: {} } })).toEqual([
      'spec.iscsi.secretRef.name: Required value',
    ]);
  });
});

describe('a volume of a pod', () => {
  it.each<[string, Json, string[]]>([
    ['a repository', { gitRepo: { repository: 'r', directory: '.' } }, []],
    [
      'a repository in a directory above',
      { gitRepo: { directory: '../x' } },
      [
        'spec.volumes[0].gitRepo.repository: Required value',
        'spec.volumes[0].gitRepo.directory: Invalid value: "../x": must not contain \'..\'',
      ],
    ],
    [
      'a driver with a bad name and a secret without one',
      { csi: { driver: 'A_b', nodePublishSecretRef: {} } },
      [
        expect.stringMatching(/^spec\.volumes\[0\]\.csi\.driver: Invalid value: "A_b": a lowercase RFC 1123/),
        'spec.volumes[0].csi.nodePublishSecretRef.name: Required value',
      ],
    ],
    ['a driver in upper case', { csi: { driver: 'Disk.Example.com' } }, []],
    ['an image without a reference', { image: {} }, ['spec.volumes[0].image.reference: Required value']],
    [
      'an image that is pulled at times',
      { image: { reference: 'a:1', pullPolicy: 'Some' } },
      [
        'spec.volumes[0].image.pullPolicy: Unsupported value: "Some": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
    [
      'two sources of which upstream writes one in its own way',
      { emptyDir: {}, downwardAPI: {} },
      ['spec.volumes[0].downwarAPI: Forbidden: may not specify more than 1 volume type'],
    ],
  ])('with %s', (_case, volume, expected) => {
    expect(inPod(volume)).toEqual(expected);
  });

  const claim = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };

  it('makes a claim that has a valid name', () => {
    const volumes = [{ name: 'v', ephemeral: { volumeClaimTemplate: claim } }];
    const pod = sample('pods', { spec: { containers: [{ name: 'main', image: 'a:1' }], volumes } });
    expect(findings('pods', pod)).toEqual([]);
    pod.metadata.name = 'x'.repeat(253);
    expect(findings('pods', pod)).toEqual([
      `spec.volumes[0].name: Invalid value: "v": PVC name "${'x'.repeat(253)}-v": must be no more than 253 characters`,
    ]);
  });

  it('is not the claim of another', () => {
    const volumes = [
      { name: 'v', ephemeral: { volumeClaimTemplate: claim } },
      { name: 'w', persistentVolumeClaim: { claimName: 'web-v' } },
    ];
    const pod = sample('pods', { spec: { containers: [{ name: 'main', image: 'a:1' }], volumes } });
    expect(findings('pods', pod)).toEqual([
      'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "web-v": must not reference a PVC that gets created for an ephemeral volume',
    ]);
  });

  it('may have no image yet in a template', () => {
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'a:1' }], volumes: [{ name: 'v', image: {} }] },
    };
    const spec = { selector: { matchLabels: { app: 'web' } }, template };
    expect(findings('deployments', sample('deployments', { spec }))).toEqual([]);
  });
});

describe('a PersistentVolume', () => {
  const csi = { driver: 'disk.example.com', volumeHandle: 'h' };

  it.each<[string, Json, Json, string[]]>([
    [
      'secrets of nobody',
      { csi: { ...csi, controllerExpandSecretRef: { name: 'A' }, nodePublishSecretRef: { namespace: 'n' } } },
      {},
      [
        expect.stringMatching(/^spec\.csi\.controllerExpandSecretRef\.name: Invalid value: "A"/),
        'spec.csi.controllerExpandSecretRef.namespace: Required value',
        'spec.csi.nodePublishSecretRef.name: Required value',
      ],
    ],
    [
      'endpoints in no namespace',
      { glusterfs: { endpoints: 'e', path: 'p', endpointsNamespace: '' } },
      {},
      [
        'spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name',
      ],
    ],
    [
      'a secret in no namespace',
      { cinder: { volumeID: 'v', secretRef: { name: 's' } } },
      {},
      ['spec.cinder.secretRef.namespace: Required value'],
    ],
    [
      'a share in no namespace',
      { azureFile: { secretName: 's', shareName: 'f', secretNamespace: '' } },
      {},
      ['spec.azureFile.secretNamespace: Required value'],
    ],
    ['a class of attributes', { csi }, { volumeAttributesClassName: 'gold' }, []],
    [
      'attributes of what has none',
      { hostPath: { path: '/x' } },
      { volumeAttributesClassName: '' },
      [
        'spec.volumeAttributesClassName: Required value: an empty string is disallowed',
        'spec.csi: Required value: has to be specified when using volumeAttributesClassName',
      ],
    ],
    [
      'the whole host to be recycled',
      { hostPath: { path: '//.' } },
      { persistentVolumeReclaimPolicy: 'Recycle' },
      ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    ],
  ])('with %s', (_case, source, more, expected) => {
    expect(inVolume(source, more)).toEqual(expected);
  });
});
