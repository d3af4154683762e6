import { describe, expect, it } from 'vitest';
import { conform } from './conform.ts';

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels: { app: 'web' }, creationTimestamp: '2026-01-31T10:20:30Z' },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'a', image: 'b', resources: { requests: { cpu: '100m' } } }] },
    },
  },
};

describe('a value that conforms', () => {
  it('comes back as it is, not copied', () => {
    const { object, unknown } = conform('apps.v1.Deployment', deployment);
    expect(object).toBe(deployment);
    expect(unknown).toEqual([]);
  });

  it('shares what did not change, and the argument stays as it was', () => {
    const before = { ...deployment, spec: { ...deployment.spec, paused: null } };
    const text = JSON.stringify(before);
    const { object } = conform('apps.v1.Deployment', before);
    expect(object).toEqual(deployment);
    expect(object['metadata']).toBe(before.metadata);
    expect((object['spec'] as typeof before.spec).template).toBe(before.spec.template);
    expect(JSON.stringify(before)).toBe(text);
  });

  it('conforms still', () => {
    const untidy = {
      metadata: { name: 'p', labels: {} },
      spec: { foo: 1, containers: [null, { name: 'a', tty: false }] },
    };
    const once = conform('core.v1.Pod', untidy).object;
    expect(conform('core.v1.Pod', once)).toEqual({ object: once, unknown: [] });
    expect(conform('core.v1.Pod', once).object).toBe(once);
  });
});

describe('unknown fields', () => {
  it('are pruned and reported by path, in order', () => {
    const value = {
      foo: 1,
      metadata: { name: 'web', bar: {} },
      spec: {
        ...deployment.spec,
        template: { spec: { containers: [{ name: 'a' }, { name: 'b', imag: 'c' }] } },
      },
      status: { x: null },
    };
    expect(conform('apps.v1.Deployment', value)).toEqual({
      object: {
        metadata: { name: 'web' },
        spec: { ...deployment.spec, template: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } } },
        status: {},
      },
      unknown: ['foo', 'metadata.bar', 'spec.template.spec.containers[1].imag', 'status.x'],
    });
  });

  it('differ from known ones in case', () => {
    expect(conform('core.v1.ConfigMap', { Data: {} }).unknown).toEqual(['Data']);
  });

  it.each(['constructor', 'toString', '__proto__'])('may be called %s', (name) => {
    const value = JSON.parse(`{"${name}":{"a":1},"data":{"${name}":"x"}}`) as object;
    const { object, unknown } = conform('core.v1.ConfigMap', value);
    expect(unknown).toEqual([name]);
    expect(JSON.stringify(object)).toBe(`{"data":{"${name}":"x"}}`);
  });

  it('do not exist in maps and in objects without a schema', () => {
    const value = {
      metadata: { annotations: { anything: 'x' } },
      data: { a: { b: [1, null] } },
      revision: 1,
    };
    expect(conform('apps.v1.ControllerRevision', value)).toEqual({ object: value, unknown: [] });
  });
});

describe('values', () => {
  const podWith = (container: object) => ({ spec: { containers: [{ name: 'a', ...container }] } });
  const conformed = (type: string, value: object) => conform(type, value).object;

  it.each<[string, string, object, object]>([
    ['nulls are dropped', 'core.v1.Pod', { metadata: null, spec: { nodeName: null } }, { spec: {} }],
    [
      'zeros of plain fields are dropped, as omitempty does',
      'apps.v1.Deployment',
      { spec: { paused: false } },
      { spec: {} },
    ],
    [
      'zeros behind pointers stay',
      'apps.v1.Deployment',
      { spec: { replicas: 0 } },
      { spec: { replicas: 0 } },
    ],
    ['zeros of required fields stay', 'core.v1.Pod', podWith({ name: '' }), podWith({ name: '' })],
    [
      'empty lists and maps are dropped',
      'core.v1.Pod',
      { metadata: { finalizers: [], labels: {} } },
      { metadata: {} },
    ],
    [
      'empty lists of required fields stay',
      'core.v1.Pod',
      { spec: { containers: [] } },
      { spec: { containers: [] } },
    ],
    [
      'empty objects stay',
      'core.v1.Pod',
      { spec: { securityContext: {} } },
      { spec: { securityContext: {} } },
    ],
    ['nulls in maps are zero values', 'core.v1.ConfigMap', { data: { a: null } }, { data: { a: '' } }],
    [
      'nulls in lists are zero values',
      'core.v1.Pod',
      podWith({ args: ['x', null] }),
      podWith({ args: ['x', ''] }),
    ],
    [
      'quantities become canonical',
      'core.v1.ResourceQuota',
      { spec: { hard: { cpu: '1000m', pods: 4 } } },
      { spec: { hard: { cpu: '1', pods: '4' } } },
    ],
    [
      'fractions of numbers are quantities',
      'core.v1.ResourceQuota',
      { spec: { hard: { cpu: 0.5 } } },
      { spec: { hard: { cpu: '500m' } } },
    ],
    [
      'times become UTC seconds',
      'core.v1.Pod',
      { metadata: { creationTimestamp: '2026-01-31T10:20:30.5+02:00' } },
      { metadata: { creationTimestamp: '2026-01-31T08:20:30Z' } },
    ],
    [
      'micro times get six decimals',
      'coordination.v1.Lease',
      { spec: { renewTime: '2026-01-31T10:20:30Z' } },
      { spec: { renewTime: '2026-01-31T10:20:30.000000Z' } },
    ],
    [
      'ports may be numbers or names',
      'core.v1.Service',
      { spec: { ports: [{ port: 1, targetPort: 'http' }] } },
      { spec: { ports: [{ port: 1, targetPort: 'http' }] } },
    ],
    [
      'base64 loses line breaks',
      'core.v1.Secret',
      { data: { a: 'YWJj\nZGVm' } },
      { data: { a: 'YWJjZGVm' } },
    ],
  ])('%s', (_, type, before, after) => {
    expect(conformed(type, before)).toEqual(after);
  });
});

describe('values of the wrong type', () => {
  const inPod = (container: object) => ({ spec: { containers: [{ name: 'a', ...container }] } });

  it.each<[string, unknown, string]>([
    [
      'apps.v1.Deployment',
      { spec: { replicas: '3' } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'apps.v1.Deployment',
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'apps.v1.Deployment',
      { spec: { replicas: 3e9 } },
      'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'apps.v1.Deployment',
      { spec: [] },
      'json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec',
    ],
    [
      'apps.v1.Deployment',
      { spec: { paused: 'yes' } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool',
    ],
    [
      'core.v1.Pod',
      inPod({ env: [{ name: 'A', value: true }] }),
      'json: cannot unmarshal bool into Go struct field EnvVar.spec.containers.env.value of type string',
    ],
    [
      'core.v1.Pod',
      inPod({ args: 'x' }),
      'json: cannot unmarshal string into Go struct field Container.spec.containers.args of type []string',
    ],
    [
      'core.v1.Pod',
      inPod({ resources: { limits: 1 } }),
      'json: cannot unmarshal number into Go struct field ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList',
    ],
    [
      'core.v1.Pod',
      inPod({ resources: { limits: { cpu: 'lots' } } }),
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      'core.v1.Pod',
      { spec: { containers: {} } },
      'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'core.v1.Pod',
      { metadata: { labels: { a: 1 } } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'core.v1.Pod',
      { metadata: { labels: 'a=b' } },
      'json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string',
    ],
    [
      'core.v1.Pod',
      { metadata: { creationTimestamp: 'soon' } },
      'parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"',
    ],
    [
      'core.v1.Pod',
      { metadata: { creationTimestamp: 5 } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
    ],
    ['core.v1.Secret', { data: { a: 'not base64!' } }, 'illegal base64 data at input byte 3'],
    [
      'core.v1.Service',
      { spec: { ports: [{ targetPort: true }] } },
      'json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.targetPort of type int32',
    ],
    ['core.v1.Pod', [], 'json: cannot unmarshal array into Go value of type v1.Pod'],
    ['core.v1.Pod', null, 'json: cannot unmarshal null into Go value of type v1.Pod'],
  ])('of %s: %j', (type, value, problem) => {
    const [, version, kind] = type.split('.');
    expect(() => conform(type, value)).toThrow(
      expect.objectContaining({
        code: 400,
        reason: 'BadRequest',
        message: `${kind} in version "${version}" cannot be handled as a ${kind}: ${problem}`,
      }),
    );
  });
});
