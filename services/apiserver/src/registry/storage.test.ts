import type { PersistentVolume, PersistentVolumeClaim } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import {
  cells,
  defaulted,
  definitionOf,
  findings,
  idleContext,
  type Json,
  sample,
  texts,
  updateFindings,
} from './sample-objects.ts';

const claimSpec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const volumeSpec = {
  accessModes: ['ReadWriteOnce'],
  capacity: { storage: '1Gi' },
  hostPath: { path: '/data' },
};

const refusedClaim = (spec: Json): string[] =>
  findings('persistentvolumeclaims', sample('persistentvolumeclaims', { spec: { ...claimSpec, ...spec } }));

const refusedVolume = (spec: Json): string[] =>
  findings('persistentvolumes', sample('persistentvolumes', { spec: { ...volumeSpec, ...spec } }));

describe('PersistentVolumeClaim', () => {
  const claims = definitionOf('persistentvolumeclaims');

  it('starts Pending, protected, as a file system', () => {
    const claim = defaulted(
      'persistentvolumeclaims',
      sample<PersistentVolumeClaim>('persistentvolumeclaims'),
    );
    void claims.prepareCreate?.(claim, idleContext);
    expect(claim).toMatchObject({
      metadata: { finalizers: ['kubernetes.io/pvc-protection'] },
      spec: { volumeMode: 'Filesystem' },
      status: { phase: 'Pending' },
    });
  });

  it('takes either field for what it is filled from as both', () => {
    const dataSource = { kind: 'PersistentVolumeClaim', name: 'old' };
    const claim = sample<PersistentVolumeClaim>('persistentvolumeclaims', {
      spec: { ...claimSpec, dataSource },
    });
    expect(defaulted('persistentvolumeclaims', claim).spec.dataSourceRef).toEqual(dataSource);
  });

  it.each<[string, Json, string[]]>([
    [
      'no mode',
      { accessModes: [] },
      ['spec.accessModes: Required value: at least 1 access mode is required'],
    ],
    [
      'an unknown mode',
      { accessModes: ['X'] },
      [
        'spec.accessModes: Unsupported value: "X": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      ],
    ],
    [
      'a single pod among others',
      { accessModes: ['ReadWriteOncePod', 'ReadWriteOnce'] },
      ['spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes'],
    ],
    ['no size', { resources: {} }, ['spec.resources[storage]: Required value']],
    [
      'no size at all',
      { resources: { requests: { storage: '0' } } },
      ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ],
    [
      'an unknown volume mode',
      { volumeMode: 'Tape' },
      ['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"'],
    ],
    [
      'a bad selector',
      { selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      [
        "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      ],
    ],
    [
      'a source of nothing',
      {
        dataSource: { kind: 'Snapshot', name: 's' },
        dataSourceRef: { kind: 'PersistentVolumeClaim', name: 's' },
      },
      [
        'spec.dataSource: Invalid value: "Snapshot": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
        'spec: Invalid value: "spec.dataSource": must match dataSourceRef',
      ],
    ],
  ])('with %s is refused', (_case, spec, expected) => {
    expect(refusedClaim(spec)).toEqual(expected);
  });

  const IMMUTABLE =
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n';

  it.each<[string, Json, Json, Json, string[]]>([
    ['its volume, once', {}, { volumeName: 'v' }, { phase: 'Pending' }, []],
    ['its class, when it had none', {}, { storageClassName: 'c' }, { phase: 'Pending' }, []],
    ['its size, when bound', {}, { resources: { requests: { storage: '2Gi' } } }, { phase: 'Bound' }, []],
    [
      'its size, when not bound',
      {},
      { resources: { requests: { storage: '2Gi' } } },
      { phase: 'Pending' },
      [`${IMMUTABLE}spec.resources`],
    ],
    [
      'its volume, twice',
      { volumeName: 'v' },
      { volumeName: 'w' },
      { phase: 'Bound' },
      [`${IMMUTABLE}spec.volumeName`],
    ],
    [
      'its size to less than it has',
      { resources: { requests: { storage: '3Gi' } } },
      { resources: { requests: { storage: '1Gi' } } },
      { phase: 'Bound', capacity: { storage: '1Gi' } },
      ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
    ],
    [
      'its size back to more than it has',
      { resources: { requests: { storage: '3Gi' } } },
      { resources: { requests: { storage: '2Gi' } } },
      { phase: 'Bound', capacity: { storage: '1Gi' } },
      [],
    ],
  ])('may change %s, or is refused', (_case, before, after, status, expected) => {
    const make = (spec: Json): PersistentVolumeClaim =>
      defaulted(
        'persistentvolumeclaims',
        sample('persistentvolumeclaims', { spec: { ...claimSpec, ...spec }, status }),
      );
    expect(texts(claims.validateUpdate?.(make(after), make(before)) ?? [])).toEqual(expected);
  });

  const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class';
  const inClass = (annotation: string | undefined, storageClassName?: string): PersistentVolumeClaim => {
    const annotations = annotation === undefined ? {} : { [OLD_CLASS]: annotation };
    const spec = storageClassName === undefined ? claimSpec : { ...claimSpec, storageClassName };
    return sample('persistentvolumeclaims', { spec, status: { phase: 'Bound' } }, { annotations });
  };

  it.each<[string, PersistentVolumeClaim, PersistentVolumeClaim, string[]]>([
    ['out of its annotation', inClass('fast'), inClass(undefined, 'fast'), []],
    ['into the field as well', inClass('fast'), inClass('fast', 'fast'), []],
    ['to another', inClass('fast'), inClass('fast', 'slow'), [`${IMMUTABLE}spec.storageClassName`]],
    [
      'in its annotation',
      inClass('fast'),
      inClass('slow'),
      [`metadata.annotations.${OLD_CLASS}: Invalid value: "slow": field is immutable`],
    ],
  ])('may move its class %s, or is refused', (_case, before, after, expected) => {
    expect(texts(claims.validateUpdate?.(after, before) ?? [])).toEqual(expected);
  });

  it('keeps a class of attributes once it has one', () => {
    const bound = { status: { phase: 'Bound' } };
    const change = (from: Json, to: Json): string[] =>
      updateFindings(
        'persistentvolumeclaims',
        { ...bound, spec: { ...claimSpec, ...from } },
        { ...bound, spec: { ...claimSpec, ...to } },
      );
    const path = 'spec.volumeAttributesClassName: Forbidden: update from non-nil value to';
    const [gold, silver] = [{ volumeAttributesClassName: 'gold' }, { volumeAttributesClassName: 'silver' }];
    expect(change({}, gold)).toEqual([]);
    expect(change(gold, silver)).toEqual([]);
    expect(change(gold, {})).toEqual([`${path} nil is forbidden`]);
    expect(change(gold, { volumeAttributesClassName: '' })).toEqual([`${path} an empty string is forbidden`]);
  });

  it('has resize statuses that there are', () => {
    const status = {
      allocatedResources: { cpu: '1', 'example.com/x': '1', storage: '1Gi' },
      allocatedResourceStatuses: { storage: 'NodeResizePending', 'example.com/x': 'Later' },
    };
    const claim = sample<PersistentVolumeClaim>('persistentvolumeclaims', { status });
    expect(texts(claims.validateStatusUpdate?.(claim, claim) ?? [])).toEqual([
      'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
      'status.allocatedResourceStatus: Unsupported value: "example.com/x": supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"',
    ]);
  });

  it('is shown as upstream shows it', () => {
    const claim = sample<PersistentVolumeClaim>('persistentvolumeclaims', {
      spec: { ...claimSpec, storageClassName: 'standard', volumeMode: 'Filesystem' },
      status: { phase: 'Pending' },
    });
    const row = { Status: 'Pending', Volume: '', Capacity: '', 'Access Modes': '', StorageClass: 'standard' };
    expect(cells('persistentvolumeclaims', claim)).toMatchObject(row);
    claim.spec.volumeName = 'v';
    claim.status = {
      phase: 'Bound',
      capacity: { storage: '5Gi' },
      accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
    };
    expect(cells('persistentvolumeclaims', claim)).toMatchObject({
      Status: 'Bound',
      Volume: 'v',
      Capacity: '5Gi',
      'Access Modes': 'RWO,RWX',
      VolumeAttributesClass: '<unset>',
      VolumeMode: 'Filesystem',
    });
    claim.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(cells('persistentvolumeclaims', claim)).toMatchObject({ Status: 'Terminating' });
  });
});

describe('PersistentVolume', () => {
  const volumes = definitionOf('persistentvolumes');

  it('is kept after its claim, protected, and Pending at first', () => {
    const volume = defaulted('persistentvolumes', sample<PersistentVolume>('persistentvolumes'));
    void volumes.prepareCreate?.(volume, idleContext);
    expect(volume).toMatchObject({
      metadata: { finalizers: ['kubernetes.io/pv-protection'] },
      spec: { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem', hostPath: { type: '' } },
      status: { phase: 'Pending', lastPhaseTransitionTime: '2026-01-01T00:00:00Z' },
    });
  });

  it.each<[string, Json, string[]]>([
    [
      'no size',
      { capacity: {} },
      ['spec.capacity: Required value', 'spec.capacity: Unsupported value: {}: supported values: "storage"'],
    ],
    ['no source', { hostPath: undefined }, ['spec: Required value: must specify a volume type']],
    [
      'two sources',
      { nfs: { server: 's', path: '/x' } },
      ['spec.nfs: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'a path that goes up',
      { hostPath: { path: '/a/../b' } },
      ['spec.hostPath.path: Invalid value: "/a/../b": must not contain \'..\''],
    ],
    [
      'a disk of no node',
      { hostPath: undefined, local: { path: '/disk' } },
      ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
    ],
    [
      'an affinity without terms',
      { nodeAffinity: { required: { nodeSelectorTerms: [] } } },
      [
        'spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector term',
      ],
    ],
    [
      'a driver without a handle',
      { hostPath: undefined, csi: { driver: 'd' } },
      ['spec.csi.volumeHandle: Required value'],
    ],
    [
      'an unknown policy',
      { persistentVolumeReclaimPolicy: 'Burn' },
      [
        'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"',
      ],
    ],
  ])('with %s is refused', (_case, spec, expected) => {
    expect(refusedVolume(spec)).toEqual(expected);
  });

  describe('after its creation', () => {
    const csi = { driver: 'disk.example.com', volumeHandle: 'h' };
    const secret = { name: 's', namespace: 'n' };
    const inZone = (key: string, zone = 'a'): Json => ({
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values: [zone] }] }],
        },
      },
    });
    const [beta, stable] = ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'];
    const MOVED =
      /^nodeAffinity: Invalid value: .*: field is immutable, except for updating from beta label to GA$/;

    it.each<[string, Json, Json, unknown[]]>([
      ['gets a secret for expansion', { csi }, { csi: { ...csi, controllerExpandSecretRef: secret } }, []],
      [
        'keeps that secret',
        { csi: { ...csi, controllerExpandSecretRef: secret } },
        { csi: { ...csi, controllerExpandSecretRef: { ...secret, name: 't' } } },
        [
          'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\ncsi',
        ],
      ],
      ['gets nodes', {}, inZone(stable), []],
      ['keeps its nodes, by the label of today', inZone(beta), inZone(stable), []],
      ['does not move to other nodes', inZone(stable), inZone(stable, 'b'), [expect.stringMatching(MOVED)]],
      ['does not go back to an old label', inZone(stable), inZone(beta), [expect.stringMatching(MOVED)]],
      [
        'keeps a class of attributes',
        { csi, volumeAttributesClassName: 'gold' },
        { csi },
        ['spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden'],
      ],
    ])('%s', (_case, before, after, expected) => {
      const of = (spec: Json): Json => ({ spec: { ...volumeSpec, hostPath: undefined, ...spec } });
      expect(updateFindings('persistentvolumes', of(before), of(after))).toEqual(expected);
    });
  });

  it('stays where it is', () => {
    const stored = defaulted('persistentvolumes', sample<PersistentVolume>('persistentvolumes'));
    const moved = defaulted(
      'persistentvolumes',
      sample<PersistentVolume>('persistentvolumes', {
        spec: { ...volumeSpec, hostPath: { path: '/other' } },
      }),
    );
    expect(texts(volumes.validateUpdate?.(moved, stored) ?? [])).toEqual([
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\nhostPath',
    ]);
  });

  it('is shown as upstream shows it', () => {
    const volume = sample<PersistentVolume>('persistentvolumes', {
      spec: {
        ...volumeSpec,
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: 'manual',
        claimRef: { namespace: 'default', name: 'c' },
      },
      status: { phase: 'Bound' },
    });
    expect(cells('persistentvolumes', volume)).toMatchObject({
      Name: 'web',
      Capacity: '1Gi',
      'Access Modes': 'RWO',
      'Reclaim Policy': 'Retain',
      Status: 'Bound',
      Claim: 'default/c',
      StorageClass: 'manual',
      VolumeAttributesClass: '<unset>',
      Reason: '',
    });
  });
});

describe('StorageClass', () => {
  it.each<[string, Json, string[]]>([
    ['no provisioner', { provisioner: '' }, ['provisioner: Required value']],
    [
      'an unknown mode',
      { volumeBindingMode: 'Never' },
      [
        'volumeBindingMode: Unsupported value: "Never": supported values: "Immediate", "WaitForFirstConsumer"',
      ],
    ],
    [
      'an unknown policy',
      { reclaimPolicy: 'Recycle' },
      ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
    ],
    [
      'topologies that say nothing, or the same twice',
      {
        allowedTopologies: [
          { matchLabelExpressions: [{ key: 'a b', values: [] }] },
          {
            matchLabelExpressions: [
              { key: 'zone', values: ['x', 'y', 'x'] },
              { key: 'zone', values: ['y'] },
            ],
          },
          { matchLabelExpressions: [{ key: 'zone', values: ['x'] }] },
          { matchLabelExpressions: [{ key: 'zone', values: ['x'] }] },
        ],
      },
      [
        'allowedTopologies.matchLabelExpressions[0].values: Required value',
        `allowedTopologies.matchLabelExpressions[0].key: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
        'allowedTopologies.matchLabelExpressions[0].values[2]: Duplicate value: "x"',
        'allowedTopologies.matchLabelExpressions[1].key: Duplicate value: "zone"',
        'allowedTopologies[3].matchLabelExpressions: Duplicate value: ""',
      ],
    ],
  ])('with %s is refused', (_case, fields, expected) => {
    expect(findings('storageclasses', sample('storageclasses', fields))).toEqual(expected);
  });

  it('stays what volumes have been made by', () => {
    const before = { provisioner: 'a', reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' };
    const after = {
      provisioner: 'b',
      parameters: { a: 'b' },
      reclaimPolicy: 'Retain',
      volumeBindingMode: 'WaitForFirstConsumer',
    };
    expect(updateFindings('storageclasses', before, after)).toEqual([
      'parameters: Forbidden: updates to parameters are forbidden.',
      'provisioner: Forbidden: updates to provisioner are forbidden.',
      'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
      'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
    ]);
  });

  it('says in its name whether it is the default', () => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const storageClass = defaulted('storageclasses', sample('storageclasses', {}, { annotations }));
    expect(cells('storageclasses', storageClass)).toMatchObject({
      Name: 'web (default)',
      Provisioner: 'example.com/disk',
      ReclaimPolicy: 'Delete',
      VolumeBindingMode: 'Immediate',
      AllowVolumeExpansion: false,
    });
  });
});

describe('an ephemeral volume of a pod', () => {
  it('is checked like a claim, with labels and annotations only', () => {
    const volumeClaimTemplate = { metadata: { name: 'x' }, spec: { accessModes: ['ReadWriteOnce'] } };
    const spec = {
      containers: [{ name: 'main', image: 'i' }],
      volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate } }],
    };
    const path = 'spec.volumes[0].ephemeral.volumeClaimTemplate';
    expect(findings('pods', sample('pods', { spec }))).toEqual([
      `${path}.metadata.name: Forbidden: cannot be set`,
      `${path}.spec.resources[storage]: Required value`,
    ]);
  });
});

describe('warnings', () => {
  const annotations = { 'volume.beta.kubernetes.io/storage-class': 'old' };
  const oldClass =
    'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead';

  it.each([
    ['persistentvolumes', { ...volumeSpec, persistentVolumeReclaimPolicy: 'Recycle' }],
    ['persistentvolumeclaims', claimSpec],
  ])('of %s name what is deprecated', (resource, spec) => {
    const object = sample(resource, { spec });
    object.metadata.annotations = annotations;
    const [first, ...others] = definitionOf(resource).warnings?.(object) ?? [];
    expect(first).toBe(oldClass);
    expect(others).toEqual(
      resource === 'persistentvolumes'
        ? [
            'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
          ]
        : [],
    );
  });
});
