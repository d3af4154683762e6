import type { Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { definitionOf, idleContext, type Json, sample } from './sample-objects.ts';

const main = { name: 'main', image: 'nginx:1.27' };
const pods = definitionOf('pods');

describe('a new pod', () => {
  const created = (spec: Json): Pod => {
    const pod = sample<Pod>('pods', { spec: { containers: [main], ...spec } });
    pods.defaults?.(pod);
    void pods.prepareCreate?.(pod, idleContext);
    return pod;
  };

  it.each<[string, Json]>([
    ['BestEffort', {}],
    ['Burstable', { containers: [{ ...main, resources: { requests: { cpu: '1' } } }] }],
    ['Guaranteed', { containers: [{ ...main, resources: { limits: { cpu: '1', memory: '1Gi' } } }] }],
    [
      'Burstable',
      {
        containers: [{ ...main, resources: { limits: { cpu: '1', memory: '1Gi' } } }],
        initContainers: [{ name: 'init', image: 'i' }],
      },
    ],
  ])('is Pending and %s', (qosClass, spec) => {
    expect(created(spec).status).toEqual({ phase: 'Pending', qosClass });
  });

  it('says when gates hold it back', () => {
    expect(created({ schedulingGates: [{ name: 'a.io/x' }] }).status?.conditions).toMatchObject([
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ]);
  });

  it('has no ephemeral containers', () => {
    expect(() => created({ ephemeralContainers: [main] })).toThrow(
      'spec.ephemeralContainers: Forbidden: cannot be set on create',
    );
  });
});

describe('the grace of a pod', () => {
  it.each<[string, Json, number | undefined, number]>([
    ['its own', { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30 } }, undefined, 30],
    ['the request', { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30 } }, 5, 5],
    ['none when forced', { spec: { nodeName: 'n' } }, 0, 0],
    [
      'a second for a negative one',
      { spec: { nodeName: 'n', terminationGracePeriodSeconds: -5 } },
      undefined,
      1,
    ],
    ['none without a node', { spec: { terminationGracePeriodSeconds: 30 } }, undefined, 0],
    ['none when finished', { spec: { nodeName: 'n' }, status: { phase: 'Failed' } }, 30, 0],
  ])('is %s', (_case, pod, requested, expected) => {
    expect(pods.gracePeriodSeconds?.(sample('pods', pod), requested)).toBe(expected);
  });
});

describe('warnings about a pod', () => {
  it('name what is likely a mistake', () => {
    const pod = sample<Pod>('pods', {
      spec: {
        nodeSelector: { 'beta.kubernetes.io/os': 'linux', constructor: 'x' },
        containers: [
          {
            ...main,
            env: [
              { name: 'A', value: '1' },
              { name: 'A', value: '2' },
            ],
            resources: { requests: { memory: '100m' } },
            ports: [{ containerPort: 80 }, { containerPort: 80 }],
          },
        ],
      },
    });
    pods.defaults?.(pod);
    expect(pods.warnings?.(pod)).toEqual([
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
      'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
      'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
    ]);
  });

  it('name what is wrong with its behaviour', () => {
    const pod = sample<Pod>('pods', { spec: { containers: [main] } });
    pod.metadata.annotations = { 'orrery.dev/behavior': 'main: {run: 5}\nside: {}' };
    expect(pods.warnings?.(pod)).toEqual([
      expect.stringContaining('metadata.annotations[orrery.dev/behavior]: main.run: unknown key; known are '),
      'metadata.annotations[orrery.dev/behavior]: side: there is no such container; its containers are main, and * stands for all others',
    ]);
  });
});

describe('fields of a pod', () => {
  it('can be selected by', () => {
    const pod = sample<Pod>('pods', {
      spec: { nodeName: 'n', containers: [] },
      status: { phase: 'Running' },
    });
    const values = Object.entries(pods.fields ?? {}).map(([name, value]) => `${name}=${value(pod)}`);
    expect(values).toEqual([
      'spec.nodeName=n',
      'spec.host=n',
      'spec.restartPolicy=',
      'spec.schedulerName=',
      'spec.serviceAccountName=',
      'spec.hostNetwork=false',
      'status.phase=Running',
      'status.podIP=',
      'status.podIPs=',
      'status.nominatedNodeName=',
    ]);
  });
});
