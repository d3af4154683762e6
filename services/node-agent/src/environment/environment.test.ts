import type { ConfigMap, Container, Draft, Pod, Secret, Service } from '@orrery/api/gen/types.ts';
import { ConfigMaps, Secrets, Services } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { FakeInformer } from '../test-support/fake-informer.ts';
import { boundPod, container, type RecordedEvent, recordersInto } from '../test-support/objects.ts';
import { ContainerConfigError, Environment } from './environment.ts';
import { ServiceLinks } from './service-links.ts';

function world() {
  const services = new FakeInformer<Service>(Services);
  const configMaps = new FakeInformer<ConfigMap>(ConfigMaps);
  const secrets = new FakeInformer<Secret>(Secrets);
  const events: RecordedEvent[] = [];
  const service = (namespace: string, name: string, spec: Service['spec']): void =>
    services.offer({ type: 'put', object: { metadata: { namespace, name }, spec } as Service });
  service('default', 'kubernetes', {
    clusterIP: '10.96.0.1',
    ports: [{ name: 'https', port: 443, protocol: 'TCP' }],
  });
  configMaps.offer({
    type: 'put',
    object: {
      metadata: { namespace: 'default', name: 'settings' },
      data: { LEVEL: 'info', 'not=valid': 'x', 'has space': 'y' },
    } as unknown as ConfigMap,
  });
  secrets.offer({
    type: 'put',
    object: {
      metadata: { namespace: 'default', name: 'login' },
      data: { user: Buffer.from('admin').toString('base64'), pass: Buffer.from('s$cret').toString('base64') },
    } as unknown as Secret,
  });
  const environment = new Environment({
    links: new ServiceLinks(services),
    configMaps: configMaps.lister,
    secrets: secrets.lister,
    hostIp: () => '10.0.0.10',
    allocatable: () => ({ cpu: '4', memory: '16Gi' }),
    events: recordersInto(events),
  });
  const variables = (
    fields: Partial<Container>,
    spec: Partial<Pod['spec']> = {},
    metadata: Partial<Pod['metadata']> = {},
  ): Record<string, string> => {
    const web = container('web', fields);
    const pod = boundPod('web', { containers: [web], ...spec }, { uid: 'u1', ...metadata }) as Draft<Pod> &
      Pod;
    return Object.fromEntries(environment.variables(pod, web, '10.244.0.2'));
  };
  return { service, services, configMaps, events, environment, variables };
}

const NO_LINKS = { enableServiceLinks: false };
const OF_THE_APISERVER = {
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
  KUBERNETES_SERVICE_PORT: '443',
  KUBERNETES_SERVICE_PORT_HTTPS: '443',
  KUBERNETES_PORT: 'tcp://10.96.0.1:443',
  KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
  KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
  KUBERNETES_PORT_443_TCP_PORT: '443',
  KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
};

describe('service links', () => {
  test('name the Services of the namespace, and the apiserver', () => {
    const { service, variables } = world();
    service('default', 'my-db', {
      clusterIP: '10.96.7.7',
      ports: [{ port: 5432 }, { name: 'x-y', port: 53, protocol: 'UDP' }],
    });
    service('default', 'headless', { clusterIP: 'None', ports: [{ port: 80 }] });
    service('other', 'elsewhere', { clusterIP: '10.96.8.8', ports: [{ port: 80 }] });
    expect(variables({})).toEqual({
      ...OF_THE_APISERVER,
      MY_DB_SERVICE_HOST: '10.96.7.7',
      MY_DB_SERVICE_PORT: '5432',
      MY_DB_SERVICE_PORT_X_Y: '53',
      MY_DB_PORT: 'tcp://10.96.7.7:5432',
      MY_DB_PORT_5432_TCP: 'tcp://10.96.7.7:5432',
      MY_DB_PORT_5432_TCP_PROTO: 'tcp',
      MY_DB_PORT_5432_TCP_PORT: '5432',
      MY_DB_PORT_5432_TCP_ADDR: '10.96.7.7',
      MY_DB_PORT_53_UDP: 'udp://10.96.7.7:53',
      MY_DB_PORT_53_UDP_PROTO: 'udp',
      MY_DB_PORT_53_UDP_PORT: '53',
      MY_DB_PORT_53_UDP_ADDR: '10.96.7.7',
    });
    expect(variables({}, NO_LINKS)).toEqual(OF_THE_APISERVER);
    expect(variables({}, {}, { namespace: 'third' })).toEqual(OF_THE_APISERVER);
  });

  test('are one array for all pods of a namespace, until a Service changes', () => {
    const { service, environment } = world();
    const pod = boundPod('web') as Pod;
    const before = environment.variables(pod, container('a'), '10.244.0.2');
    service('other', 'elsewhere', { clusterIP: '10.96.8.8', ports: [{ port: 80 }] });
    expect(environment.variables(pod, container('b'), '10.244.0.3')).toBe(before);
    service('default', 'db', { clusterIP: '10.96.7.7', ports: [{ port: 80 }] });
    expect(new Map(environment.variables(pod, container('b'), '')).get('DB_SERVICE_HOST')).toBe('10.96.7.7');
  });

  test('give way to what the container says', () => {
    const { variables } = world();
    const env = [{ name: 'KUBERNETES_PORT', value: 'mine, not $(KUBERNETES_SERVICE_HOST)' }];
    expect(variables({ env })['KUBERNETES_PORT']).toBe('mine, not 10.96.0.1');
  });
});

describe('env', () => {
  const fieldRef = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
  const resource = (name: string, more = {}) => ({
    valueFrom: { resourceFieldRef: { resource: name, ...more } },
  });

  test.each<[string, object, string]>([
    ['a value', { value: 'plain' }, 'plain'],
    ['nothing', {}, ''],
    ['a reference', { value: '<$(A)>' }, '<a>'],
    ['a reference to what comes later', { value: '$(LATER)' }, '$(LATER)'],
    ['an escaped reference', { value: '$$(A) $$ $' }, '$(A) $ $'],
    ['metadata.name', fieldRef('metadata.name'), 'web'],
    ['metadata.uid', fieldRef('metadata.uid'), 'u1'],
    ['metadata.namespace', fieldRef('metadata.namespace'), 'default'],
    ['a label', fieldRef("metadata.labels['app.kubernetes.io/name']"), 'shop'],
    ['a label that is not there', fieldRef("metadata.labels['x']"), ''],
    ['all labels', fieldRef('metadata.labels'), 'app.kubernetes.io/name="shop"\nzone="a \\"b\\""'],
    ['an annotation', fieldRef("metadata.annotations['note']"), 'n'],
    ['the node', fieldRef('spec.nodeName'), 'node-1'],
    ['the account', fieldRef('spec.serviceAccountName'), 'robot'],
    ['the address', fieldRef('status.podIP'), '10.244.0.2'],
    ['the address of the node', fieldRef('status.hostIP'), '10.0.0.10'],
    ['a cpu limit, in whole cores', resource('limits.cpu'), '1'],
    ['a cpu limit in milli-cores', resource('limits.cpu', { divisor: '1m' }), '250'],
    ['a memory limit that is not set', resource('limits.memory'), String(16 * 1024 ** 3)],
    ['a memory request in mebibytes', resource('requests.memory', { divisor: '1Mi' }), '33'],
    ['a request that is not set', resource('requests.cpu'), '0'],
    [
      'a limit of another container',
      resource('limits.cpu', { containerName: 'side', divisor: '1m' }),
      '2000',
    ],
    ['a key of a ConfigMap', { valueFrom: { configMapKeyRef: { name: 'settings', key: 'LEVEL' } } }, 'info'],
    [
      'a key of a Secret, as it is',
      { valueFrom: { secretKeyRef: { name: 'login', key: 'pass' } } },
      's$cret',
    ],
  ])('can be %s', (_, source, value) => {
    const { variables } = world();
    const resources = { limits: { cpu: '250m' }, requests: { memory: '32.5Mi' } };
    const env = [
      { name: 'A', value: 'a' },
      { name: 'IT', ...source },
      { name: 'LATER', value: 'l' },
    ];
    const web = container('web', { resources, env });
    const side = container('side', { resources: { limits: { cpu: '2' } } });
    const labels = { zone: 'a "b"', 'app.kubernetes.io/name': 'shop' };
    const spec = { containers: [web, side], serviceAccountName: 'robot' };
    expect(variables({ resources, env }, spec, { labels, annotations: { note: 'n' } })['IT']).toBe(value);
  });

  test.each<[string, object]>([
    ['configmap "gone" not found', { configMapKeyRef: { name: 'gone', key: 'k' } }],
    ['secret "gone" not found', { secretKeyRef: { name: 'gone', key: 'k' } }],
    [
      "couldn't find key k in ConfigMap default/settings",
      { configMapKeyRef: { name: 'settings', key: 'k' } },
    ],
    ["couldn't find key k in Secret default/login", { secretKeyRef: { name: 'login', key: 'k' } }],
  ])('fails with %s, unless it is optional', (message, valueFrom) => {
    const { variables } = world();
    const run = () => variables({ env: [{ name: 'IT', valueFrom }] });
    expect(run).toThrow(ContainerConfigError);
    expect(run).toThrow(message);
    const optional = Object.fromEntries(
      Object.entries(valueFrom).map(([kind, ref]) => [kind, { ...(ref as object), optional: true }]),
    );
    expect(variables({ env: [{ name: 'IT', valueFrom: optional }] }, NO_LINKS)).toEqual(OF_THE_APISERVER);
  });
});

describe('envFrom', () => {
  test('takes all keys with a prefix, and env overrides them', () => {
    const { variables, events } = world();
    const fields = {
      envFrom: [
        { prefix: 'C_', configMapRef: { name: 'settings' } },
        { secretRef: { name: 'login' } },
        { configMapRef: { name: 'gone', optional: true } },
      ],
      env: [{ name: 'user', value: 'not $(user) but me' }],
    };
    expect(variables(fields, NO_LINKS)).toEqual({
      ...OF_THE_APISERVER,
      C_LEVEL: 'info',
      'C_has space': 'y',
      user: 'not admin but me',
      pass: 's$cret',
    });
    expect(events).toMatchObject([
      {
        reason: 'InvalidEnvironmentVariableNames',
        message:
          'Keys [C_not=valid] from the EnvFrom configMap default/settings were skipped since they are considered invalid environment variable names.',
      },
    ]);
  });

  test('fails when what it names is not there', () => {
    const { variables } = world();
    expect(() => variables({ envFrom: [{ secretRef: { name: 'gone' } }] })).toThrow(
      'secret "gone" not found',
    );
  });
});
