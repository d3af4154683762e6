import type { Pod, PodSpec } from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaulted, type Json, sample } from './sample-objects.ts';

const withDefaults = (spec: Json): PodSpec => defaulted('pods', sample<Pod>('pods', { spec })).spec;
const firstContainer = (container: Json): Json =>
  withDefaults({ containers: [{ name: 'main', image: 'nginx', ...container }] })
    .containers[0] as unknown as Json;

describe('defaults of pods', () => {
  it('fill in what clients and controllers rely on', () => {
    expect(
      withDefaults({ containers: [{ name: 'main', image: 'nginx', ports: [{ containerPort: 80 }] }] }),
    ).toEqual({
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
      terminationGracePeriodSeconds: 30,
      securityContext: {},
      enableServiceLinks: true,
      containers: [
        {
          name: 'main',
          image: 'nginx',
          imagePullPolicy: 'Always',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          resources: {},
          ports: [{ containerPort: 80, protocol: 'TCP' }],
        },
      ],
    });
  });

  it('let a pod as a whole ask for what its containers ask for, or else for its limits', () => {
    const resources = { limits: { cpu: '2', memory: '1Gi', 'hugepages-2Mi': '4Mi' } };
    const containers = ['a', 'b'].map((name) => ({
      name,
      image: 'nginx',
      resources: { requests: { cpu: '300m', 'example.com/gpu': '1' }, limits: { 'example.com/gpu': '1' } },
    }));
    expect(withDefaults({ resources, containers }).resources?.requests).toEqual({
      cpu: '600m',
      memory: '1Gi',
      'hugepages-2Mi': '4Mi',
    });
    expect(withDefaults({ containers }).resources).toBeUndefined();
  });

  it.each([
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['registry:5000/nginx', 'Always'],
    ['registry:5000/nginx:1.27', 'IfNotPresent'],
    ['nginx@sha256:abc', 'IfNotPresent'],
    ['nginx:1.27@sha256:abc', 'IfNotPresent'],
  ])('pull %s %s', (image, policy) => {
    expect(firstContainer({ image })['imagePullPolicy']).toBe(policy);
  });

  it('complete probes and hooks', () => {
    const container = firstContainer({
      livenessProbe: { httpGet: { port: 80 } },
      lifecycle: { preStop: { httpGet: { port: 80 } } },
    });
    expect(container).toMatchObject({
      livenessProbe: {
        httpGet: { port: 80, path: '/', scheme: 'HTTP' },
        timeoutSeconds: 1,
        periodSeconds: 10,
        successThreshold: 1,
        failureThreshold: 3,
      },
      lifecycle: { preStop: { httpGet: { port: 80, path: '/', scheme: 'HTTP' } } },
    });
  });

  it('make limits the requests that are missing', () => {
    const container = firstContainer({
      resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
    });
    expect(container['resources']).toMatchObject({ requests: { cpu: '500m', memory: '1Gi' } });
  });

  it('complete volumes', () => {
    const { volumes } = withDefaults({
      containers: [],
      volumes: [
        { name: 'a' },
        { name: 'b', secret: { secretName: 's' } },
        { name: 'c', hostPath: { path: '/x' } },
        {
          name: 'd',
          projected: {
            sources: [
              { serviceAccountToken: { path: 'token' } },
              { downwardAPI: { items: [{ path: 'ns', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
            ],
          },
        },
      ],
    });
    expect(volumes).toMatchObject([
      { name: 'a', emptyDir: {} },
      { name: 'b', secret: { secretName: 's', defaultMode: 420 } },
      { name: 'c', hostPath: { path: '/x', type: '' } },
      {
        projected: {
          defaultMode: 420,
          sources: [
            { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
            { downwardAPI: { items: [{ fieldRef: { apiVersion: 'v1' } }] } },
          ],
        },
      },
    ]);
  });

  it('use the ports of the host with its network', () => {
    const spec = withDefaults({
      hostNetwork: true,
      containers: [{ name: 'main', image: 'i', ports: [{ containerPort: 80 }] }],
    });
    expect(spec.containers[0]?.ports).toEqual([{ containerPort: 80, hostPort: 80, protocol: 'TCP' }]);
  });

  it('keep the old name of the service account in step', () => {
    expect(withDefaults({ containers: [], serviceAccount: 'old' })).toMatchObject({
      serviceAccountName: 'old',
    });
    expect(withDefaults({ containers: [], serviceAccount: 'old', serviceAccountName: 'new' })).toMatchObject({
      serviceAccount: 'new',
    });
  });

  it('change nothing the second time', () => {
    const handler = fc.oneof(
      fc.constant({ httpGet: { port: 80 } }),
      fc.constant({ grpc: { port: 80 } }),
      fc.constant({ exec: { command: ['true'] } }),
    );
    const container = fc.record(
      {
        name: fc.constantFrom('a', 'b'),
        image: fc.constantFrom('nginx', 'nginx:1', 'r:5000/x@sha256:1'),
        ports: fc.array(fc.record({ containerPort: fc.integer({ min: 1, max: 9 }) }), { maxLength: 2 }),
        livenessProbe: handler,
        resources: fc.record({ limits: fc.constant({ cpu: '1' }) }),
      },
      { requiredKeys: ['name'] },
    );
    const volume = fc.oneof(
      fc.constant({ name: 'v' }),
      fc.constant({ name: 'v', secret: { secretName: 's' } }),
      fc.constant({ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'p' } }] } }),
      fc.constant({ name: 'v', azureDisk: { diskName: 'd', diskURI: 'u' } }),
    );
    const spec = fc.record(
      {
        containers: fc.array(container, { maxLength: 3 }),
        initContainers: fc.array(container, { maxLength: 2 }),
        volumes: fc.array(volume, { maxLength: 3 }),
        hostNetwork: fc.boolean(),
        serviceAccount: fc.constantFrom('', 'a'),
        terminationGracePeriodSeconds: fc.integer({ min: 0, max: 60 }),
      },
      { requiredKeys: ['containers'] },
    );
    fc.assert(
      fc.property(spec, (value) => {
        const once = defaulted('pods', sample<Pod>('pods', { spec: value }));
        expect(defaulted('pods', jsonClone(once))).toEqual(once);
      }),
      { numRuns: 200 },
    );
  });
});
