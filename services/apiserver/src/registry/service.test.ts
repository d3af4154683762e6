import type { Service } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../store/memory.ts';
import { createAllocations } from './allocation.ts';
import type { RegistryContext } from './definition.ts';
import {
  cells,
  definitionOf,
  findings,
  type Json,
  SAMPLE_NOW_MS,
  sample,
  texts,
  updateFindings,
} from './sample-objects.ts';

const services = definitionOf('services');
const ports = [{ port: 80 }];

const refused = (spec: Json): string[] =>
  findings('services', sample('services', { spec: { ports, ...spec } }));

function contextOf(store = createMemoryStore(), dryRun = false): RegistryContext {
  return { nowMs: SAMPLE_NOW_MS, dryRun, ...createAllocations(store) };
}

async function created(spec: Json, context = contextOf(), metadata: Json = {}): Promise<Service> {
  const service = sample<Service>('services', { spec: { ports, ...spec } }, metadata);
  services.defaults?.(service);
  await services.prepareCreate?.(service, context);
  return service;
}

async function updated(stored: Service, spec: Json, context = contextOf()): Promise<Service> {
  const service = sample<Service>('services', { spec, status: stored.status });
  services.defaults?.(service);
  await services.prepareUpdate?.(service, stored, context);
  return service;
}

describe('a Service is refused for', () => {
  it.each<[string, Json, string[]]>([
    ['no ports', { ports: [] }, ['spec.ports: Required value']],
    [
      'an unknown type',
      { type: 'Cluster' },
      [
        'spec.type: Unsupported value: "Cluster": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      'two ports without names',
      { ports: [{ port: 80 }, { port: 81 }] },
      ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    ],
    [
      'one port twice',
      {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      },
      ['spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}'],
    ],
    [
      'a port out of range',
      { ports: [{ port: 0 }] },
      [
        'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
        'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
      ],
    ],
    [
      'a node port of a ClusterIP',
      { ports: [{ port: 80, nodePort: 30_080 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      'no address at all of a NodePort',
      { type: 'NodePort', clusterIP: 'None', clusterIPs: ['None'] },
      ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
    ],
    [
      'an address that is none',
      { clusterIP: 'x', clusterIPs: ['x'] },
      [
        'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
    ['no external name', { type: 'ExternalName' }, ['spec.externalName: Required value']],
    [
      'affinity without end',
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90_000 } } },
      [
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400',
      ],
    ],
    [
      'a policy for traffic that cannot come',
      { externalTrafficPolicy: 'Local' },
      [
        'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
      ],
    ],
    [
      'ranges without a load balancer',
      { loadBalancerSourceRanges: ['10.0.0.0/8'] },
      ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"],
    ],
    [
      'a loopback as external address',
      { externalIPs: ['127.0.0.1'] },
      [
        'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
  ])('%s', (_case, spec, expected) => {
    expect(refused(spec)).toEqual(expected);
  });
});

describe('annotations of a Service', () => {
  const refusedWith = (annotations: Json, spec: Json): string[] =>
    findings('services', sample('services', { spec: { ports: [{ port: 80 }], ...spec } }, { annotations }));
  const RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';
  const [MODE, HINTS] = ['service.kubernetes.io/topology-mode', 'service.kubernetes.io/topology-aware-hints'];

  it('name ranges for load balancers only', () => {
    const ranges = { [RANGES]: '10.0.0.0/8, x' };
    const wrong = `metadata.annotations[${RANGES}]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`;
    expect(refusedWith(ranges, { type: 'LoadBalancer' })).toEqual([wrong]);
    expect(refusedWith(ranges, {})).toEqual([
      `metadata.annotations[${RANGES}]: Forbidden: may only be used when \`type\` is 'LoadBalancer'`,
      wrong,
    ]);
    expect(refusedWith({ [RANGES]: ' ' }, { type: 'LoadBalancer' })).toEqual([]);
  });

  it('say the same under the old and the new name', () => {
    expect(refusedWith({ [MODE]: 'Auto', [HINTS]: 'Auto' }, {})).toEqual([]);
    expect(refusedWith({ [MODE]: 'Auto', [HINTS]: 'Disabled' }, {})).toEqual([
      `metadata.annotations[${MODE}]: Invalid value: "Auto": must match annotations[${HINTS}] when both are specified`,
    ]);
  });
});

describe('the status of a Service', () => {
  it('names hosts by their names', () => {
    const status = { loadBalancer: { ingress: [{ hostname: '10.0.0.1' }, { hostname: 'lb.example.com' }] } };
    const service = sample<Service>('services', { spec: { type: 'LoadBalancer' }, status });
    expect(texts(services.validateStatusUpdate?.(service, service) ?? [])).toEqual([
      'status.loadBalancer.ingress[0].hostname: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
    ]);
  });
});

describe('the second address of a Service', () => {
  const dual = { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2', 'fd00::2'], ipFamilies: ['IPv4', 'IPv6'] };
  const single = { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'], ipFamilies: ['IPv4'] };
  const change = (before: Json, after: Json): string[] =>
    updateFindings(
      'services',
      { spec: { type: 'ClusterIP', ...before } },
      { spec: { type: 'ClusterIP', ...after } },
    );

  it('may come, stays what it is, and goes by the policy', () => {
    expect(change(single, dual)).toEqual([]);
    expect(change(dual, { ...dual, clusterIPs: ['10.96.0.2', 'fd00::3'] })).toEqual([
      'spec.clusterIPs[1]: Invalid value: ["10.96.0.2","fd00::3"]: may not change once set',
    ]);
    expect(change(dual, { ...single, ipFamilyPolicy: 'SingleStack' })).toEqual([]);
    expect(change(dual, { ...single, ipFamilyPolicy: 'PreferDualStack' })).toEqual([
      'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary clusterIP',
      'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary ipFamily',
    ]);
  });
});

describe('a new Service', () => {
  it('gets an address and defaults', async () => {
    const { spec, status } = await created({});
    expect(spec).toMatchObject({
      type: 'ClusterIP',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
    });
    expect(spec.clusterIP).toMatch(/^10\.96\.\d+\.\d+$/);
    expect(spec.clusterIPs).toEqual([spec.clusterIP]);
    expect(status).toEqual({ loadBalancer: {} });
  });

  it('gets the address it asks for, once', async () => {
    const context = contextOf();
    expect((await created({ clusterIP: '10.96.7.7' }, context)).spec.clusterIPs).toEqual(['10.96.7.7']);
    await expect(created({ clusterIP: '10.96.7.7' }, context, { uid: 'u2' })).rejects.toThrow(
      'spec.clusterIPs: Invalid value: ["10.96.7.7"]: failed to allocate IP 10.96.7.7: provided IP is already allocated',
    );
    await expect(created({ clusterIP: '10.0.0.1' }, context)).rejects.toThrow(
      'failed to allocate IP 10.0.0.1: the provided IP (10.0.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16',
    );
  });

  it.each<[Partial<Service['spec']>, string]>([
    [
      { ipFamilies: ['IPv6'] },
      'Service "web" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ],
    [
      { ipFamilyPolicy: 'RequireDualStack' },
      'Service "web" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ],
    [
      { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] },
      'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ],
    [
      { clusterIP: '1.2.3.4' },
      'Service "web" is invalid: spec.clusterIPs: Invalid value: ["1.2.3.4"]: failed to allocate IP 1.2.3.4: the provided IP (1.2.3.4) is not in the valid range. The range of valid IPs is 10.96.0.0/16',
    ],
  ])('with %j is told by its name what the cluster does not have', async (spec, message) => {
    await expect(created(spec)).rejects.toThrow(message);
  });

  it('takes what there is of the families that it prefers, and any when it has no address', async () => {
    const families = async (spec: Partial<Service['spec']>): Promise<string[] | undefined> =>
      (await created(spec)).spec.ipFamilies;
    expect(await families({ ipFamilyPolicy: 'PreferDualStack' })).toEqual(['IPv4']);
    const free = { clusterIP: 'None', selector: {} };
    expect(await families({ ...free, ipFamilyPolicy: 'RequireDualStack' })).toEqual(['IPv4', 'IPv6']);
    expect(await families({ ...free, ipFamilies: ['IPv6'] })).toEqual(['IPv6']);
  });

  it('does not get the address of the apiserver', async () => {
    await expect(created({ clusterIP: '10.96.0.1' })).rejects.toThrow('provided IP is already allocated');
    const kubernetes = await created({ clusterIP: '10.96.0.1' }, contextOf(), { name: 'kubernetes' });
    expect(kubernetes.spec.clusterIP).toBe('10.96.0.1');
  });

  it('has none when headless or a name', async () => {
    expect((await created({ clusterIP: 'None' })).spec.clusterIPs).toEqual(['None']);
    expect((await created({ type: 'ExternalName', externalName: 'a.b' })).spec.clusterIP).toBeUndefined();
  });

  it('gets node ports when it needs them', async () => {
    const { spec } = await created({ type: 'NodePort' });
    expect(spec.ports?.[0]?.nodePort).toBeGreaterThanOrEqual(30_000);
    expect(spec.externalTrafficPolicy).toBe('Cluster');
    const balanced = await created({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
    expect(balanced.spec.healthCheckNodePort).toBeGreaterThanOrEqual(30_000);
    expect(texts(services.validate(balanced))).toEqual([]);
    const without = await created({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false });
    expect(without.spec.ports?.[0]).not.toHaveProperty('nodePort');
  });

  it('names the port that is taken, and gives back the rest', async () => {
    const store = createMemoryStore();
    const context = contextOf(store);
    await created({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }, context);
    const spec = {
      type: 'NodePort',
      clusterIP: '10.96.9.9',
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 81, nodePort: 30_080 },
      ],
    };
    await expect(created(spec, context, { uid: 'u2' })).rejects.toThrow(
      'spec.ports[1].nodePort: Invalid value: 30080: provided port is already allocated',
    );
    expect(await store.get('clusterips.internal', '10.96.9.9')).toBeUndefined();
    expect((await store.list({ resource: 'nodeports.internal' })).items).toHaveLength(1);
  });

  it('takes nothing when it is invalid or only tried', async () => {
    const store = createMemoryStore();
    await created({ ports: [] }, contextOf(store));
    const tried = await created({ type: 'NodePort' }, contextOf(store, true));
    expect(tried.spec.clusterIP).toMatch(/^10\.96\./);
    expect((await store.list({ resource: 'clusterips.internal' })).items).toEqual([]);
    expect((await store.list({ resource: 'nodeports.internal' })).items).toEqual([]);
  });

  it('gives everything back when it is gone, and only its own', async () => {
    const store = createMemoryStore();
    const context = contextOf(store);
    const first = await created({ type: 'NodePort', clusterIP: '10.96.7.7' }, context);
    const second = sample<Service>('services', { spec: { clusterIP: '10.96.7.7' } }, { uid: 'u2' });
    await services.afterDelete?.(second, context);
    expect(await store.get('clusterips.internal', '10.96.7.7')).toBeDefined();
    await services.afterDelete?.(first, context);
    expect(await store.get('clusterips.internal', '10.96.7.7')).toBeUndefined();
    expect((await store.list({ resource: 'nodeports.internal' })).items).toEqual([]);
  });
});

describe('an update of a Service', () => {
  it('keeps address and node ports that it leaves out', async () => {
    const context = contextOf();
    const stored = await created({ type: 'NodePort' }, context);
    const next = await updated(
      stored,
      { type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }] },
      context,
    );
    expect(next.spec.clusterIP).toBe(stored.spec.clusterIP);
    expect(next.spec.clusterIPs).toEqual(stored.spec.clusterIPs);
    expect(next.spec.ports?.[0]?.nodePort).toBe(stored.spec.ports?.[0]?.nodePort);
    expect(texts([...services.validate(next), ...(services.validateUpdate?.(next, stored) ?? [])])).toEqual(
      [],
    );
  });

  it('drops node ports with the type that needs them', async () => {
    const stored = await created({ type: 'NodePort' });
    const next = await updated(stored, { ...stored.spec, type: 'ClusterIP', ports: stored.spec.ports });
    expect(next.spec.ports?.[0]).not.toHaveProperty('nodePort');
    expect(next.spec).not.toHaveProperty('externalTrafficPolicy');
    expect(texts(services.validate(next))).toEqual([]);
  });

  it('gets node ports with the type that needs them', async () => {
    const stored = await created({});
    const next = await updated(stored, { ports, type: 'NodePort' });
    expect(next.spec.ports?.[0]?.nodePort).toBeGreaterThanOrEqual(30_000);
  });

  it('gives the address up to become a name, and takes one to come back', async () => {
    const stored = await created({});
    const name = await updated(stored, { ...stored.spec, type: 'ExternalName', externalName: 'a.b' });
    expect(name.spec).not.toHaveProperty('clusterIP');
    const back = await updated(name, { ports });
    expect(back.spec.clusterIP).toMatch(/^10\.96\./);
  });

  it('may not change the address', async () => {
    const stored = await created({ clusterIP: '10.96.7.7' });
    const next = await updated(stored, { ports, clusterIP: '10.96.8.8', clusterIPs: ['10.96.8.8'] });
    expect(texts(services.validateUpdate?.(next, stored) ?? [])).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.96.8.8"]: may not change once set',
    ]);
  });
});

describe('the row of a Service', () => {
  it.each<[Json, Json, Json]>([
    [
      {
        type: 'ClusterIP',
        clusterIP: '10.96.1.1',
        selector: { b: '2', a: '1' },
        ports: [{ port: 80, protocol: 'TCP' }],
      },
      {},
      {
        Type: 'ClusterIP',
        'Cluster-IP': '10.96.1.1',
        'External-IP': '<none>',
        'Port(s)': '80/TCP',
        Selector: 'a=1,b=2',
      },
    ],
    [
      {
        type: 'NodePort',
        ports: [
          { port: 80, nodePort: 30_080, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
      },
      {},
      { 'Cluster-IP': '<none>', 'Port(s)': '80:30080/TCP,53/UDP', Selector: '<none>' },
    ],
    [{ type: 'LoadBalancer' }, {}, { 'External-IP': '<pending>', 'Port(s)': '<none>' }],
    [
      { type: 'LoadBalancer', externalIPs: ['9.9.9.9'] },
      { loadBalancer: { ingress: [{ ip: '2.2.2.2' }, { hostname: 'a.b' }] } },
      { 'External-IP': '2.2.2.2,a.b,9.9.9.9' },
    ],
    [{ type: 'ExternalName', externalName: 'a.b' }, {}, { 'External-IP': 'a.b' }],
  ])('of %j', (spec, status, expected) => {
    expect(cells('services', sample('services', { spec, status }))).toMatchObject(expected);
  });
});
