import { describe, expect, it } from 'vitest';
import { defaulted, definitionOf, type Json, sample } from './sample-objects.ts';

const main = { name: 'main', image: 'nginx:1' };

function warnings(resource: string, fields: Json, metadata: Json = {}): string[] {
  const object = defaulted(resource, sample(resource, fields, metadata));
  return definitionOf(resource).warnings?.(object) ?? [];
}

const ofPod = (spec: Json, metadata: Json = {}): string[] =>
  warnings('pods', { spec: { containers: [main], ...spec } }, metadata);

const NO_SELECTOR = 'a null labelSelector results in matching no pod';
const BETA = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead';
const beta = 'failure-domain.beta.kubernetes.io/zone';
const term = { matchExpressions: [{ key: beta, operator: 'Exists' }] };

describe('a warning about a pod', () => {
  it.each<[string, Json, string[]]>([
    [
      'that chooses nodes by old labels',
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: term }],
          },
        },
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: beta, whenUnsatisfiable: 'DoNotSchedule' }],
      },
      [
        `spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key: ${beta} is ${BETA}`,
        `spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key: ${beta} is ${BETA}`,
        `spec.topologySpreadConstraints[0].topologyKey: ${beta} is ${BETA}`,
        `spec.topologySpreadConstraints[0].labelSelector: ${NO_SELECTOR}`,
      ],
    ],
    [
      'with volumes that nothing mounts',
      {
        volumes: [
          { name: 'a', gitRepo: { repository: 'r' } },
          { name: 'b', glusterfs: { endpoints: 'e', path: 'p' } },
          { name: 'c', storageos: { volumeName: 'v' } },
        ],
      },
      [
        'spec.volumes[0].gitRepo: deprecated in v1.11',
        'spec.volumes[1].glusterfs: deprecated in v1.25, non-functional in v1.26+',
        'spec.volumes[2].storageOS: deprecated in v1.22, non-functional in v1.25+',
      ],
    ],
    [
      'with a file where the token is',
      {
        serviceAccountName: 'default',
        volumes: [
          {
            name: 'a',
            projected: {
              sources: [
                { serviceAccountToken: { path: 'token' } },
                { configMap: { name: 'c', items: [{ key: 'k', path: 'token' }] } },
              ],
            },
          },
        ],
      },
      [
        'spec.volumes[0].projected.sources.configMap[0]: has duplicated path with ServiceAccountToken "token"',
      ],
    ],
    [
      'that says things twice',
      {
        hostAliases: [{ ip: '10.0.0.1' }, { ip: '10.0.0.1' }],
        imagePullSecrets: [{ name: 'a' }, { name: 'a' }, {}],
      },
      [
        'spec.hostAliases[1].ip: duplicate ip "10.0.0.1"',
        'spec.imagePullSecrets[1].name: duplicate name "a"',
        'spec.imagePullSecrets[2].name: invalid empty name ""',
      ],
    ],
    [
      'that will run on after its end',
      { terminationGracePeriodSeconds: -1 },
      [
        'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
      ],
    ],
    [
      'with affinity to nobody',
      {
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] },
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, podAffinityTerm: { topologyKey: 'zone' } },
            ],
          },
        },
      },
      [
        `spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: ${NO_SELECTOR}`,
        `spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: ${NO_SELECTOR}`,
      ],
    ],
    [
      'with ports that are in the way of each other',
      {
        containers: [
          {
            ...main,
            ports: [
              { containerPort: 80, hostPort: 8080 },
              { containerPort: 81, hostIP: '10.0.0.1' },
            ],
          },
          { name: 'b', image: 'b:1', ports: [{ containerPort: 80 }] },
          { name: 'c', image: 'c:1', ports: [{ containerPort: 80, hostPort: 8080, hostIP: '10.0.0.1' }] },
        ],
      },
      [
        'spec.containers[0].ports[1]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:81 Protocol:TCP HostIP:10.0.0.1}',
        'spec.containers[1].ports[0]: overlapping port definition with spec.containers[0].ports[0]',
        'spec.containers[2].ports[0]: dangerously ambiguous port definition with spec.containers[0].ports[0]',
        'spec.containers[2].ports[0]: overlapping port definition with spec.containers[1].ports[0]',
      ],
    ],
    [
      'whose variables build on earlier ones: none',
      {
        containers: [
          {
            ...main,
            env: [
              { name: 'A', value: '1' },
              { name: 'A', value: '$(A)2' },
            ],
          },
        ],
      },
      [],
    ],
  ])('%s', (_case, spec, expected) => {
    expect(ofPod(spec)).toEqual(expected);
  });

  it('names annotations that say nothing', () => {
    const annotations = {
      'scheduler.alpha.kubernetes.io/critical-pod': '',
      'seccomp.security.alpha.kubernetes.io/pod': 'runtime/default',
      'container.apparmor.security.beta.kubernetes.io/main': 'unconfined',
    };
    expect(ofPod({}, { annotations })).toEqual([
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
      'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead',
      'metadata.annotations[container.apparmor.security.beta.kubernetes.io/main]: deprecated since v1.30; use the "appArmorProfile" field instead',
    ]);
  });

  it('names a name that is no good hostname', () => {
    const [warning] = ofPod({}, { name: 'a.b' });
    expect(warning).toBe(
      "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
    );
  });

  it('does not come from each pair of very many ports: no answer has room for them', () => {
    const ports = Array.from({ length: 3_000 }, () => ({ containerPort: 80 }));
    const found = ofPod({ containers: [{ ...main, ports }] });
    expect(found[0]).toBe(
      'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
    );
    expect(found.length).toBeLessThan(200);
  });

  it('is given once, when the pod is created', () => {
    const pod = defaulted('pods', sample('pods', {}, { name: 'a.b' }));
    expect(definitionOf('pods').warnings?.(pod, pod)).toEqual([]);
  });
});

describe('a warning about a claim', () => {
  it('names fractions of bytes', () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1500m' } } };
    expect(warnings('persistentvolumeclaims', { spec })).toEqual([
      'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
    ]);
  });
});
