import type { Namespace, Node, Secret } from '@orrery/api/gen/types.ts';
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

const refused = (resource: string, fields: Json, metadata?: Json): string[] =>
  findings(resource, sample(resource, fields, metadata));

describe('Namespace', () => {
  const namespaces = definitionOf('namespaces');

  it('starts active, with its name as label and the finalizer of its content', async () => {
    const object = defaulted('namespaces', sample<Namespace>('namespaces'));
    await namespaces.prepareCreate?.(object, idleContext);
    expect(object).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'web' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  });

  it('keeps its finalizers on updates', async () => {
    const stored = sample<Namespace>('namespaces', { spec: { finalizers: ['kubernetes'] } });
    const object = defaulted('namespaces', sample<Namespace>('namespaces'));
    await namespaces.prepareUpdate?.(object, stored, idleContext);
    expect(object.spec.finalizers).toEqual(['kubernetes']);
  });

  it('protects those that the cluster needs', () => {
    for (const name of ['default', 'kube-system', 'kube-public']) {
      expect(() => namespaces.beforeDelete?.(sample('namespaces', {}, { name }))).toThrow(
        `namespaces "${name}" is forbidden: this namespace may not be deleted`,
      );
    }
    expect(() => namespaces.beforeDelete?.(sample('namespaces'))).not.toThrow();
  });

  it('has the phase that its deletion says', () => {
    const phase = (value: string, metadata: Json): string[] =>
      texts(
        namespaces.validateStatusUpdate?.(
          sample('namespaces', { status: { phase: value } }, metadata),
          sample('namespaces'),
        ) ?? [],
      );
    expect(phase('Active', {})).toEqual([]);
    expect(phase('Terminating', {})).toEqual([
      'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
    ]);
    expect(phase('Active', { deletionTimestamp: '2026-01-01T00:00:00Z' })).toEqual([
      'status.Phase: Invalid value: "Active": may only be \'Terminating\' if `deletionTimestamp` is not empty',
    ]);
  });

  it('shows its row', () => {
    expect(cells('namespaces', sample('namespaces', { status: { phase: 'Active' } }))).toMatchObject({
      Status: 'Active',
    });
  });
});

describe('Node', () => {
  const taint = { key: 'a', value: 'b', effect: 'NoSchedule' };

  it.each<[string, Json, (string | RegExp)[]]>([
    [
      'an unknown effect',
      { spec: { taints: [{ ...taint, effect: 'No' }] } },
      [
        'metadata.taints[0].effect: Unsupported value: "No": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
    ],
    [
      'one taint twice',
      { spec: { taints: [taint, taint] } },
      [/^metadata\.taints\[1\]: Duplicate value: .*: taints must be unique by key and effect pair$/],
    ],
    [
      'a bad range',
      { spec: { podCIDRs: ['10.0.0.0/33'] } },
      [
        'spec.podCIDRs[0]: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      ],
    ],
    [
      'one range twice',
      { spec: { podCIDRs: ['10.0.0.0/24', '10.0.0.0/24'] } },
      [
        /^spec\.podCIDRs: Invalid value: .*: may specify no more than one CIDR for each IP family$/,
        'spec.podCIDRs[1]: Duplicate value: "10.0.0.0/24"',
      ],
    ],
    [
      'taints of old that are wrong',
      { metadata: { name: 'web', annotations: { 'scheduler.alpha.kubernetes.io/taints': '[{"key":"a"}]' } } },
      ['metadata.annotations.scheduler.alpha.kubernetes.io/taints[0].effect: Required value'],
    ],
    [
      'pods to avoid that are of nobody',
      {
        metadata: {
          name: 'web',
          annotations: {
            'scheduler.alpha.kubernetes.io/preferAvoidPods': '{"preferAvoidPods":[{"podSignature":{}}]}',
          },
        },
      },
      ['metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[0].PodSignature: Required value'],
    ],
    [
      'negative capacity',
      { status: { capacity: { cpu: '-1' } } },
      ['status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0'],
    ],
  ])('is refused for %s', (_case, fields, expected) => {
    const actual = refused('nodes', fields);
    expect(actual).toHaveLength(expected.length);
    for (const [index, each] of expected.entries()) expect(actual[index]).toMatch(each);
  });

  it('may say where its configuration is, completely', () => {
    const change = (configSource: Json): string[] => updateFindings('nodes', {}, { spec: { configSource } });
    expect(change({ configMap: { namespace: 'a', name: 'b', kubeletConfigKey: 'c' } })).toEqual([]);
    expect(change({})).toEqual([
      'spec.configSource: Invalid value: {}: exactly one reference subfield must be non-nil',
    ]);
    expect(change({ configMap: { uid: 'u', namespace: 'a' } })).toEqual([
      'spec.configSource.configMap.uid: Forbidden: uid must not be set in spec',
      'spec.configSource.configMap.name: Required value: name must be set',
      'spec.configSource.configMap.kubeletConfigKey: Required value: kubeletConfigKey must be set',
    ]);
  });

  it('keeps its range of addresses', () => {
    expect(
      defaulted('nodes', sample<Node>('nodes', { spec: { podCIDR: '10.1.0.0/24' } })).spec.podCIDRs,
    ).toEqual(['10.1.0.0/24']);
    expect(updateFindings('nodes', { spec: {} }, { spec: { podCIDR: '10.1.0.0/24' } })).toEqual([]);
    expect(
      updateFindings('nodes', { spec: { podCIDR: '10.1.0.0/24' } }, { spec: { podCIDR: '10.2.0.0/24' } }),
    ).toEqual(['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid']);
    // As kubectl patch leaves it: the old field changed, the new one as it was.
    const patched = sample<Node>('nodes', { spec: { podCIDR: '10.2.0.0/24', podCIDRs: ['10.1.0.0/24'] } });
    expect(defaulted('nodes', patched).spec.podCIDRs).toEqual(['10.2.0.0/24']);
  });

  it('shows its row', () => {
    const labels = {
      'node-role.kubernetes.io/worker': '',
      'node-role.kubernetes.io/control-plane': '',
      'kubernetes.io/role': 'x',
    };
    const ready = sample<Node>(
      'nodes',
      {
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
          nodeInfo: { kubeletVersion: 'v1.36.2', osImage: 'Debian' },
        },
      },
      { labels },
    );
    expect(cells('nodes', ready)).toMatchObject({
      Status: 'Ready,SchedulingDisabled',
      Roles: 'control-plane,worker,x',
      Version: 'v1.36.2',
      'Internal-IP': '10.0.0.1',
      'External-IP': '<none>',
      'OS-Image': 'Debian',
      'Kernel-Version': '<unknown>',
    });
    expect(cells('nodes', sample('nodes', { spec: {} }))).toMatchObject({
      Status: 'Unknown',
      Roles: '<none>',
    });
    const lost = { spec: {}, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } };
    expect(cells('nodes', sample('nodes', lost))).toMatchObject({ Status: 'NotReady' });
  });
});

describe('ConfigMap', () => {
  it.each<[string, Json, string[]]>([
    [
      'a key in both maps',
      { data: { a: 'x' }, binaryData: { a: 'eA==' } },
      ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ],
    ['too much', { data: { a: 'x'.repeat(1_048_577) } }, [': Too long: may not be more than 1048576 bytes']],
    [
      'binary data that is text',
      { data: {}, binaryData: { a: '!' } },
      ['binaryData[a]: Invalid value: "a": illegal base64 data'],
    ],
  ])('is refused for %s', (_case, fields, expected) => {
    expect(refused('configmaps', fields)).toEqual(expected);
  });

  it('is refused for a key that is no file name', () => {
    expect(refused('configmaps', { data: { 'a b': '' } })[0]).toMatch(
      /^data\[a b\]: Invalid value: "a b": a valid config key must/,
    );
  });

  it('does not change once it is immutable', () => {
    const before = { immutable: true, data: { a: '1' } };
    expect(updateFindings('configmaps', before, { data: { a: '2' } })).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    expect(updateFindings('configmaps', before, before)).toEqual([]);
  });

  it('counts both maps in its row', () => {
    expect(
      cells('configmaps', sample('configmaps', { data: { a: '' }, binaryData: { b: '' } }))['Data'],
    ).toBe(2);
  });
});

describe('Secret', () => {
  it('folds plain texts into its data', () => {
    const secret = defaulted(
      'secrets',
      sample<Secret>('secrets', { data: { a: 'eA==' }, stringData: { a: 'y', b: 'z' } }),
    );
    expect(secret).toMatchObject({ type: 'Opaque', data: { a: 'eQ==', b: 'eg==' } });
    expect(secret).not.toHaveProperty('stringData');
  });

  it.each<[string, Json, string[]]>([
    [
      'no certificate',
      { type: 'kubernetes.io/tls', data: {} },
      ['data[tls.crt]: Required value', 'data[tls.key]: Required value'],
    ],
    [
      'no registry',
      { type: 'kubernetes.io/dockerconfigjson', data: {} },
      ['data[.dockerconfigjson]: Required value'],
    ],
    [
      'a registry that is no JSON',
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'eA==' } },
      ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be a JSON object'],
    ],
    [
      'no account',
      { type: 'kubernetes.io/service-account-token' },
      ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
    ],
    [
      'neither user nor password',
      { type: 'kubernetes.io/basic-auth', data: {} },
      ['data[username]: Required value', 'data[password]: Required value'],
    ],
    ['no key', { type: 'kubernetes.io/ssh-auth', data: {} }, ['data[ssh-privatekey]: Required value']],
    [
      'too much',
      { data: { a: Buffer.alloc(1_048_577).toString('base64') } },
      ['data: Too long: may not be more than 1048576 bytes'],
    ],
  ])('is refused for %s', (_case, fields, expected) => {
    expect(refused('secrets', fields)).toEqual(expected);
  });

  it('keeps its type', () => {
    expect(updateFindings('secrets', {}, { type: 'example.com/other' })).toEqual([
      'type: Invalid value: "example.com/other": field is immutable',
    ]);
  });

  it('shows its row', () => {
    expect(cells('secrets', defaulted('secrets', sample('secrets')))).toMatchObject({
      Type: 'Opaque',
      Data: 1,
    });
  });
});

describe('Lease', () => {
  it('is refused for times and counts that cannot be', () => {
    expect(
      refused('leases', { spec: { leaseDurationSeconds: 0, leaseTransitions: -1, preferredHolder: 'x' } }),
    ).toEqual([
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
      'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
      'spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined',
    ]);
  });

  it('fences by its transitions', () => {
    const { fenceEpoch } = definitionOf('leases');
    expect(fenceEpoch?.(sample('leases'))).toBe(0);
    expect(fenceEpoch?.(sample('leases', { spec: { leaseTransitions: 3 } }))).toBe(3);
  });

  it('shows its holder', () => {
    expect(cells('leases', sample('leases'))).toMatchObject({ Holder: 'me' });
  });
});

describe('Endpoints', () => {
  const address = { ip: '10.1.0.1' };

  it.each<[string, Json, string[]]>([
    ['no addresses', {}, ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`']],
    [
      'an address that is none',
      { addresses: [{ ip: 'x' }] },
      [
        'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address',
      ],
    ],
    [
      'a link-local address',
      { addresses: [{ ip: '169.254.1.1' }] },
      [
        'subsets[0].addresses[0].ip: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
      ],
    ],
    [
      'ports without names',
      { addresses: [address], ports: [{ port: 80 }, { port: 81 }] },
      ['subsets[0].ports[0].name: Required value', 'subsets[0].ports[1].name: Required value'],
    ],
  ])('are refused for %s', (_case, subset, expected) => {
    expect(refused('endpoints', { subsets: [subset] })).toEqual(expected);
  });

  it('show three, and how many more', () => {
    const shown = (subsets: Json[]): unknown =>
      cells('endpoints', sample('endpoints', { subsets }))['Endpoints'];
    expect(shown([])).toBe('<none>');
    const addresses = [1, 2, 3, 4].map((each) => ({ ip: `10.1.0.${each}` }));
    expect(shown([{ addresses: addresses.slice(0, 2), ports: [{ port: 80 }] }])).toBe(
      '10.1.0.1:80,10.1.0.2:80',
    );
    expect(shown([{ addresses, ports: [{ port: 80 }, { port: 81 }] }])).toBe(
      '10.1.0.1:80,10.1.0.2:80,10.1.0.3:80 + 5 more...',
    );
    expect(shown([{ addresses: [{ ip: 'fd00::1' }], ports: [{ port: 80 }] }])).toBe('[fd00::1]:80');
    expect(shown([{ addresses: addresses.slice(0, 1) }])).toBe('10.1.0.1');
  });

  it('are deprecated', () => {
    expect(definitionOf('endpoints').versions[0]?.deprecation).toBe(
      'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
    );
  });
});

describe('EndpointSlice', () => {
  it.each<[string, Json, string[]]>([
    [
      'an unknown type',
      { addressType: 'MAC' },
      ['addressType: Unsupported value: "MAC": supported values: "FQDN", "IPv4", "IPv6"'],
    ],
    [
      'an address of the other family',
      { endpoints: [{ addresses: ['fd00::1'] }] },
      ['endpoints[0].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address'],
    ],
    [
      'no address',
      { endpoints: [{ addresses: [] }] },
      ['endpoints[0].addresses: Required value: must contain at least 1 address'],
    ],
    [
      'too many endpoints',
      { endpoints: Array.from({ length: 1001 }, () => ({ addresses: ['10.1.0.1'] })) },
      ['endpoints: Too many: 1001: must have at most 1000 items'],
    ],
    [
      'hints that name a zone twice, and a node by no name',
      {
        endpoints: [
          {
            addresses: ['10.1.0.1'],
            hints: { forZones: [{ name: 'a' }, { name: 'a' }], forNodes: [{ name: 'N' }] },
          },
        ],
      },
      [
        'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
        expect.stringMatching(/^endpoints\[0\]\.hints\.forNodes\[0\]\.name: Invalid value: "N": a lowercase/),
      ],
    ],
    [
      'two ports of one name',
      { ports: [{ port: 80 }, { port: 81 }] },
      ['ports[1].name: Duplicate value: ""'],
    ],
  ])('is refused for %s', (_case, fields, expected) => {
    expect(refused('endpointslices', fields)).toEqual(expected);
  });

  it('keeps its type', () => {
    expect(updateFindings('endpointslices', {}, { addressType: 'IPv6' })).toEqual([
      'addressType: Invalid value: "IPv6": field is immutable',
    ]);
  });

  it('shows its row', () => {
    const slice = sample('endpointslices', {
      ports: [{ port: 80 }, { name: 'x' }, {}],
      endpoints: [{ addresses: ['a', 'b'] }, { addresses: ['c', 'd'] }],
    });
    expect(cells('endpointslices', slice)).toMatchObject({
      AddressType: 'IPv4',
      Ports: '80,x,*',
      Endpoints: 'a,b,c + 1 more...',
    });
    expect(cells('endpointslices', sample('endpointslices', { ports: [], endpoints: [] }))).toMatchObject({
      Ports: '<unset>',
      Endpoints: '<unset>',
    });
  });
});
