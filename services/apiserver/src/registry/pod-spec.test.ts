import { describe, expect, it } from 'vitest';
import { findings, type Json, sample } from './sample-objects.ts';

const main = { name: 'main', image: 'nginx:1.27' };

const withSpec = (spec: Json): string[] =>
  findings('pods', sample('pods', { spec: { containers: [main], ...spec } }));
const withContainer = (container: Json, spec: Json = {}): string[] =>
  withSpec({ ...spec, containers: [{ ...main, ...container }] });

describe('a pod is refused for its volumes', () => {
  it.each<[string, Json, string[]]>([
    ['no name', { name: '', emptyDir: {} }, ['spec.volumes[0].name: Required value']],
    [
      'two sources',
      { name: 'v', emptyDir: {}, hostPath: { path: '/x' } },
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'a secret without a name',
      { name: 'v', secret: {} },
      ['spec.volumes[0].secret.secretName: Required value'],
    ],
    [
      'a mode that is none',
      { name: 'v', configMap: { name: 'c', defaultMode: 1000 } },
      [
        'spec.volumes[0].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive',
      ],
    ],
    [
      'a path out of the volume',
      { name: 'v', configMap: { name: 'c', items: [{ key: 'k', path: '../k' }] } },
      ['spec.volumes[0].configMap.items[0].path: Invalid value: "../k": must not contain \'..\''],
    ],
    [
      'a claim without a name',
      { name: 'v', persistentVolumeClaim: {} },
      ['spec.volumes[0].persistentVolumeClaim.claimName: Required value'],
    ],
    [
      'a path of the host that goes up',
      { name: 'v', hostPath: { path: '/a/../b' } },
      ['spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\''],
    ],
    [
      'a token that lasts too short',
      {
        name: 'v',
        projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 60 } }] },
      },
      [
        'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
        'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
      ],
    ],
  ])('%s', (_case, volume, expected) => {
    expect(withSpec({ volumes: [volume] })).toEqual(expected);
  });

  it('two mounts in one place', () => {
    const volumeMounts = [
      { name: 'v', mountPath: '/data' },
      { name: 'v', mountPath: '/data' },
    ];
    expect(withContainer({ volumeMounts }, { volumes: [{ name: 'v' }] })).toEqual([
      'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/data": must be unique',
    ]);
  });
});

describe('resources of a pod as a whole', () => {
  const asks = (cpu: string): Json => ({ resources: { requests: { cpu } } });
  const containers = (...all: Json[]): Json => ({
    containers: all.map((each, index) => ({ name: `c${index}`, image: 'a:1', ...each })),
  });

  it.each<[string, Json, string[]]>([
    [
      'enough for all containers',
      { resources: { requests: { cpu: '2' } }, ...containers(asks('1'), asks('1')) },
      [],
    ],
    [
      'too little for all containers',
      { resources: { requests: { cpu: '1' } }, ...containers(asks('1'), asks('500m')) },
      [
        'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 1500m',
      ],
    ],
    [
      'a limit below that of a container',
      {
        resources: { limits: { memory: '1Gi' } },
        ...containers({ resources: { limits: { memory: '2Gi' }, requests: { memory: '1Gi' } } }),
      },
      [
        'spec.resources.containers[0][memory].limits: Invalid value: "2Gi": must be less than or equal to pod limits of 1Gi',
      ],
    ],
    [
      'what only containers have',
      { resources: { requests: { 'ephemeral-storage': '1Gi' } } },
      [
        'spec.resources.requests[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory"',
      ],
    ],
    [
      'claims',
      { resources: { claims: [] } },
      ['spec.resources.claims: Forbidden: claims cannot be set for Resources at pod-level'],
    ],
  ])('with %s', (_case, spec, expected) => {
    expect(withSpec(spec)).toEqual(expected);
  });
});

describe('a pod is refused for its spec', () => {
  it.each<[string, Json, string[]]>([
    [
      'a claim by a name that is none',
      { resourceClaims: [{ name: 'a', resourceClaimName: 'A' }] },
      [
        expect.stringMatching(
          /^spec\.resourceClaims\[0\]\.resourceClaimName: Invalid value: "A": a lowercase/,
        ),
      ],
    ],
    [
      'a runtime class without a name',
      { runtimeClassName: '' },
      [expect.stringMatching(/^spec\.runtimeClassName: Invalid value: "": a lowercase/)],
    ],
    [
      'restartPolicy',
      { restartPolicy: 'Once' },
      ['spec.restartPolicy: Unsupported value: "Once": supported values: "Always", "OnFailure", "Never"'],
    ],
    [
      'dnsPolicy',
      { dnsPolicy: 'X' },
      [
        'spec.dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
      ],
    ],
    [
      'dnsPolicy None without servers',
      { dnsPolicy: 'None' },
      ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    ],
    [
      'activeDeadlineSeconds',
      { activeDeadlineSeconds: 0 },
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
    ['hostname', { hostname: 'a.b' }, ['spec.hostname: Invalid value: "a.b": must not contain dots']],
    [
      'a toleration of everything without Exists',
      { tolerations: [{ effect: 'NoSchedule' }] },
      [
        'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'a limited toleration of the wrong effect',
      { tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 1 }] },
      [
        'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
      ],
    ],
    [
      'node affinity without terms',
      {
        affinity: {
          nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
        },
      },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
      ],
    ],
    [
      'an unknown operator',
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Like' }] }],
            },
          },
        },
      },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator',
      ],
    ],
    [
      'anti-affinity without a topology',
      {
        affinity: {
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 0, podAffinityTerm: { topologyKey: 'zone' } },
            ],
          },
        },
      },
      [
        'spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
      ],
    ],
    [
      'spreading that repeats itself',
      {
        topologySpreadConstraints: [
          { maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
          { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
        ],
      },
      [
        'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
        'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"',
      ],
    ],
    [
      'hostNetwork with another port',
      { hostNetwork: true, containers: [{ ...main, ports: [{ containerPort: 80, hostPort: 81 }] }] },
      [
        'spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true',
      ],
    ],
    [
      'a node despite gates',
      { nodeName: 'n', schedulingGates: [{ name: 'a.io/x' }] },
      ['spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared'],
    ],
    [
      'an id out of range',
      { securityContext: { runAsUser: -1 } },
      ['spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 4294967295, inclusive'],
    ],
    [
      'a profile without a file',
      { securityContext: { seccompProfile: { type: 'Localhost' } } },
      [
        'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
      ],
    ],
    [
      'a sysctl of the host',
      { hostNetwork: true, securityContext: { sysctls: [{ name: 'net.ipv4.x', value: '1' }] } },
      [
        'spec.securityContext.sysctls[0].name: Invalid value: "net.ipv4.x": may not be specified when \'hostNetwork\' is true',
      ],
    ],
    [
      'a host alias that is no address',
      { hostAliases: [{ ip: 'x', hostnames: ['a'] }] },
      [
        'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
  ])('%s', (_case, spec, expected) => {
    expect(withSpec(spec)).toEqual(expected);
  });
});
