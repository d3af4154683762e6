import type { Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { definitionOf, findings, idleContext, type Json, sample } from './sample-objects.ts';

const main = { name: 'main', image: 'nginx:1.27' };
const pods = definitionOf('pods');

const withSpec = (spec: Json): string[] =>
  findings('pods', sample('pods', { spec: { containers: [main], ...spec } }));
const withContainer = (container: Json, spec: Json = {}): string[] =>
  withSpec({ ...spec, containers: [{ ...main, ...container }] });

describe('a pod is refused for its containers', () => {
  it.each<[string, Json, string[]]>([
    ['no name', { name: '' }, ['spec.containers[0].name: Required value']],
    [
      'a name with dots',
      { name: 'a.b' },
      ['spec.containers[0].name: Invalid value: "a.b": must not contain dots'],
    ],
    ['no image', { image: '' }, ['spec.containers[0].image: Required value']],
    [
      'white space around the image',
      { image: ' nginx' },
      ['spec.containers[0].image: Invalid value: " nginx": must not have leading or trailing whitespace'],
    ],
    [
      'an unknown pull policy',
      { imagePullPolicy: 'Sometimes' },
      [
        'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
    [
      'ports',
      { ports: [{ containerPort: 0 }, { containerPort: 70_000, protocol: 'HTTP' }] },
      [
        'spec.containers[0].ports[0].containerPort: Required value',
        'spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
        'spec.containers[0].ports[1].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
      ],
    ],
    [
      'two ports with one name',
      {
        ports: [
          { name: 'http', containerPort: 80 },
          { name: 'http', containerPort: 81 },
        ],
      },
      ['spec.containers[0].ports[1].name: Duplicate value: "http"'],
    ],
    [
      'two ports on one port of the host',
      {
        ports: [
          { containerPort: 80, hostPort: 80 },
          { containerPort: 81, hostPort: 80 },
        ],
      },
      ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"'],
    ],
    [
      'env without a source',
      { env: [{ name: 'A', valueFrom: {} }] },
      [
        'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ],
    ],
    [
      'env with value and source',
      { env: [{ name: 'A', value: 'x', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }] },
      [
        'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
      ],
    ],
    [
      'env from a field that is not for env',
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }] },
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
      ],
    ],
    [
      'env from a field that does not exist',
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.foo' } } }] },
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": error converting fieldPath: field label not supported: spec.foo',
      ],
    ],
    [
      'env from an unknown resource',
      { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } }] },
      [
        'spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.gpu": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"',
      ],
    ],
    [
      'envFrom without a source',
      { envFrom: [{}] },
      ['spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
    ],
    [
      'requests above limits',
      { resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } },
      [
        'spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi',
      ],
    ],
    [
      'unknown and negative resources',
      { resources: { limits: { gold: '1', cpu: '-1' } } },
      [
        'spec.containers[0].resources.limits[gold]: Invalid value: "gold": must be a standard resource for containers',
        'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        'spec.containers[0].resources.requests[gold]: Invalid value: "gold": must be a standard resource for containers',
        'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      'extended resources with different request and limit',
      { resources: { requests: { 'example.com/gpu': '1' }, limits: { 'example.com/gpu': '2' } } },
      [
        'spec.containers[0].resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2',
      ],
    ],
    [
      'a probe without a handler',
      { livenessProbe: {} },
      ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    ],
    [
      'a liveness probe that needs several successes',
      { livenessProbe: { exec: { command: ['true'] }, successThreshold: 2 } },
      ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
    ],
    [
      'a probe with two handlers and a bad port',
      { readinessProbe: { httpGet: { port: 0 }, exec: { command: ['true'] }, timeoutSeconds: -1 } },
      [
        'spec.containers[0].readinessProbe.httpGet: Forbidden: may not specify more than 1 handler type',
        'spec.containers[0].readinessProbe.timeoutSeconds: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      'a hook that sleeps longer than the grace',
      { lifecycle: { preStop: { sleep: { seconds: 31 } } } },
      [
        'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)',
      ],
    ],
    [
      'a restart policy of its own',
      { restartPolicy: 'Always' },
      ['spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers'],
    ],
    [
      'a mount of a volume that is not there',
      { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
      ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ],
    [
      'privileges that exclude each other',
      { securityContext: { privileged: true, allowPrivilegeEscalation: false } },
      [
        'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ],
    ],
  ])('%s', (_case, container, expected) => {
    expect(withContainer(container)).toEqual(expected);
  });

  it('none at all', () => {
    expect(withSpec({ containers: [] })).toEqual(['spec.containers: Required value']);
  });

  it('two of one name, in any list', () => {
    expect(withSpec({ containers: [main, main] })).toEqual([
      'spec.containers[1].name: Duplicate value: "main"',
    ]);
    expect(withSpec({ initContainers: [main] })).toEqual([
      'spec.initContainers[0].name: Duplicate value: "main"',
    ]);
  });

  it('probes of init containers, unless these keep running', () => {
    const probe = { livenessProbe: { exec: { command: ['true'] } } };
    expect(withSpec({ initContainers: [{ name: 'init', image: 'i', ...probe }] })).toEqual([
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ]);
    expect(
      withSpec({ initContainers: [{ name: 'init', image: 'i', restartPolicy: 'Always', ...probe }] }),
    ).toEqual([]);
  });
});

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

describe('a pod is refused for its spec', () => {
  it.each<[string, Json, string[]]>([
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
        nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
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
