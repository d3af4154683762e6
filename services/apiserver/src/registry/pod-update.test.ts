import type { Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { definitionOf, type Json, sample, texts, updateFindings } from './sample-objects.ts';

const main = { name: 'main', image: 'nginx:1' };
const change = (before: Json, after: Json): string[] =>
  updateFindings(
    'pods',
    { spec: { containers: [main], ...before } },
    { spec: { containers: [main], ...after } },
  );

const OTHER =
  'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

const schedulingGates = [{ name: 'a.io/x' }];
const zone = { key: 'zone', operator: 'In', values: ['a'] };
const arch = { key: 'arch', operator: 'Exists' };
const TERMS = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';

/** A required affinity of one term for each list of expressions. */
const nodes = (...terms: Json[][]): Json => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })),
      },
    },
  },
});

describe('an update of a pod', () => {
  const toleration = { key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 };

  it.each<[string, Json, Json]>([
    ['an image', {}, { containers: [{ ...main, image: 'nginx:2', imagePullPolicy: 'IfNotPresent' }] }],
    ['a deadline', {}, { activeDeadlineSeconds: 10 }],
    ['an earlier deadline', { activeDeadlineSeconds: 10 }, { activeDeadlineSeconds: 5 }],
    ['another toleration', {}, { tolerations: [toleration] }],
    [
      'the time of a toleration',
      { tolerations: [toleration] },
      { tolerations: [{ ...toleration, tolerationSeconds: 9 }] },
    ],
    ['a negative grace to 1', { terminationGracePeriodSeconds: -1 }, { terminationGracePeriodSeconds: 1 }],
    ['one gate less', { schedulingGates: [{ name: 'a.io/x' }] }, {}],
    [
      'more of a gated node selector',
      { schedulingGates: [{ name: 'a.io/x' }] },
      { schedulingGates: [{ name: 'a.io/x' }], nodeSelector: { a: 'b' } },
    ],
    [
      'any choice of nodes of a gated pod that had none',
      { schedulingGates },
      { schedulingGates, ...nodes([zone]) },
    ],
    [
      'more of a gated choice of nodes',
      { schedulingGates, ...nodes([zone]) },
      { schedulingGates, ...nodes([zone, arch]) },
    ],
  ])('may change %s', (_case, before, after) => {
    expect(change(before, after)).toEqual([]);
  });

  it.each<[string, Json, Json, string[]]>([
    ['other fields', {}, { hostNetwork: true }, [`${OTHER}\nspec.hostNetwork`]],
    ['the node', {}, { nodeName: 'n' }, [`${OTHER}\nspec.nodeName`]],
    ['a command', {}, { containers: [{ ...main, command: ['x'] }] }, [`${OTHER}\nspec.containers[0]`]],
    ['the grace', {}, { terminationGracePeriodSeconds: 1 }, [`${OTHER}\nspec.terminationGracePeriodSeconds`]],
    [
      'the number of containers',
      {},
      { containers: [main, { name: 'b', image: 'b' }] },
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
    ],
    [
      'a deadline to a later one',
      { activeDeadlineSeconds: 5 },
      { activeDeadlineSeconds: 10 },
      ['spec.activeDeadlineSeconds: Invalid value: 10: must be less than or equal to previous value'],
    ],
    [
      'a deadline to none',
      { activeDeadlineSeconds: 5 },
      {},
      [
        'spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value',
      ],
    ],
    [
      'a toleration to none',
      { tolerations: [toleration] },
      {},
      ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
    ],
    [
      'no gate to one',
      {},
      { schedulingGates: [{ name: 'a.io/x' }] },
      [
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a.io/x'",
      ],
    ],
    [
      'a gated node selector to another',
      { schedulingGates, nodeSelector: { a: 'b' } },
      { schedulingGates, nodeSelector: { a: 'c' } },
      [
        'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      ],
    ],
    [
      'a gated choice of nodes to a wider one',
      { schedulingGates, ...nodes([zone]) },
      { schedulingGates, ...nodes([zone], [arch]) },
      [
        expect.stringMatching(
          /nodeSelectorTerms: Invalid value: .*: no additions\/deletions to non-empty NodeSelectorTerms list are allowed$/,
        ),
      ],
    ],
    [
      'a gated choice of nodes to another',
      { schedulingGates, ...nodes([zone]) },
      { schedulingGates, ...nodes([arch]) },
      [
        `${TERMS}[0]: Invalid value: {"matchExpressions":[{"key":"arch","operator":"Exists"}]}: only additions are allowed (no mutations or deletions)`,
      ],
    ],
    ['the choice of nodes of a pod without gates', {}, nodes([zone]), [`${OTHER}\nspec.affinity`]],
    [
      'other affinities of a gated pod',
      { schedulingGates },
      { schedulingGates, affinity: { podAffinity: {} } },
      [`${OTHER}\nspec.affinity`],
    ],
  ])('may not change %s', (_case, before, after, expected) => {
    expect(change(before, after)).toEqual(expected);
  });
});

describe('an update of the status of a pod', () => {
  const statusChange = (before: Json, after: Json, spec: Json = { restartPolicy: 'Never' }): string[] =>
    texts(
      definitionOf('pods').validateStatusUpdate?.(
        sample<Pod>('pods', { spec: { containers: [main], ...spec }, status: after }),
        sample<Pod>('pods', { spec: { containers: [main], ...spec }, status: before }),
      ) ?? [],
    );
  const ended = { containerStatuses: [{ name: 'main', state: { terminated: { exitCode: 1 } } }] };
  const running = { containerStatuses: [{ name: 'main', state: { running: {} } }] };

  it('keeps ended containers ended, unless they are restarted', () => {
    expect(statusChange(ended, running)).toEqual([
      'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
    ]);
    expect(statusChange(ended, running, { restartPolicy: 'OnFailure' })).toEqual([]);
    expect(statusChange(ended, running, { restartPolicy: 'Always' })).toEqual([]);
  });

  it.each<[string, Json, string[]]>([
    ['Always', { restartPolicy: 'Always' }, []],
    ['OnFailure', { restartPolicy: 'OnFailure' }, []],
    [
      'a rule for its exit code',
      {
        restartPolicy: 'Never',
        restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }],
      },
      [],
    ],
    [
      'a rule for other exit codes',
      {
        restartPolicy: 'Never',
        restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'NotIn', values: [1] } }],
      },
      ['status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state'],
    ],
  ])(
    'lets a container of a pod that does not restart do so by its own policy: %s',
    (_case, fields, expected) => {
      const spec = { restartPolicy: 'Never', containers: [{ ...main, ...fields }] };
      expect(statusChange(ended, running, spec)).toEqual(expected);
    },
  );

  it('keeps ephemeral containers ended, whatever the policy', () => {
    const of = (state: Json): Json => ({ ephemeralContainerStatuses: [{ name: 'look', state }] });
    const change = statusChange(of({ terminated: { exitCode: 0 } }), of({ running: {} }), {
      restartPolicy: 'Always',
    });
    expect(change).toEqual([
      'status.ephemeralContainerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
    ]);
  });

  it('takes what node agents report of resizes and disruptions', () => {
    const status = {
      observedGeneration: 2,
      conditions: [
        { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' },
        { type: 'PodResizePending', status: 'True', reason: 'Deferred', observedGeneration: 2 },
        { type: 'PodResizeInProgress', status: 'True' },
        { type: 'PodReadyToStartContainers', status: 'True' },
      ],
      containerStatuses: [
        {
          name: 'main',
          state: { running: {} },
          allocatedResources: { cpu: '1' },
          resources: { requests: { cpu: '1' } },
        },
      ],
      ephemeralContainerStatuses: [{ name: 'look', state: { running: {} } }],
    };
    expect(statusChange({}, status)).toEqual([]);
  });

  it('keeps the quality of service', () => {
    expect(statusChange({ qosClass: 'BestEffort' }, { qosClass: 'Burstable' })).toEqual([
      'status.qosClass: Invalid value: "Burstable": field is immutable',
    ]);
    expect(statusChange({ qosClass: 'BestEffort' }, {})).toEqual([]);
  });

  it('keeps what a writer has forgotten to observe', () => {
    const condition = { type: 'Ready', status: 'True', observedGeneration: 3 };
    const stored = sample<Pod>('pods', { status: { observedGeneration: 3, conditions: [condition] } });
    const next = sample<Pod>('pods', { status: { conditions: [{ type: 'Ready', status: 'False' }] } });
    definitionOf('pods').prepareStatusUpdate?.(next, stored);
    expect(next.status).toEqual({
      observedGeneration: 3,
      conditions: [{ type: 'Ready', status: 'False', observedGeneration: 3 }],
    });
  });

  it.each<[string, Json, Json, string[]]>([
    ['one address of each family', { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] }, {}, []],
    [
      'an address twice',
      { podIPs: [{ ip: '10.0.0.1' }, { ip: '10.0.0.1' }] },
      {},
      [
        'status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.1"}]: may specify no more than one IP for each IP family',
        'status.podIPs[1]: Duplicate value: {"ip":"10.0.0.1"}',
      ],
    ],
    [
      'another host than the first',
      { hostIP: '10.0.0.1', hostIPs: [{ ip: '10.0.0.2' }] },
      {},
      ['status.hostIPs[0].ip: Invalid value: "10.0.0.2": must be equal to `hostIP`'],
    ],
    [
      'a claim that the pod has not got',
      { resourceClaimStatuses: [{ name: 'gpu' }] },
      {},
      [
        'status.resourceClaimStatuses[0].name: Invalid value: "gpu": must match the name of an entry in `spec.resourceClaims`',
      ],
    ],
    [
      'a user that is none',
      { containerStatuses: [{ name: 'main', user: { linux: { uid: -1, gid: 0 } } }] },
      {},
      [
        'status.containerStatuses[0].linux.uid: Invalid value: -1: must be between 0 and 4294967295, inclusive',
      ],
    ],
    [
      'a user of linux on windows',
      { containerStatuses: [{ name: 'main', user: { linux: { uid: 0, gid: 0 } } }] },
      { os: { name: 'windows' } },
      ['status.containerStatuses[0].linux: Forbidden: cannot be set for a windows pod'],
    ],
    [
      'a device that nobody asked for, in a health that is none',
      {
        containerStatuses: [
          {
            name: 'main',
            allocatedResourcesStatus: [
              { name: 'example.com/gpu', resources: [{ resourceID: 'a', health: 'Fine' }] },
            ],
          },
        ],
      },
      {},
      [
        'status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: "example.com/gpu": must match one of the container\'s resource requests',
        'status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health: Unsupported value: "Fine": supported values: "Healthy", "Unhealthy", "Unknown"',
      ],
    ],
  ])('with %s', (_case, status, spec, expected) => {
    expect(statusChange({}, status, { restartPolicy: 'Never', ...spec })).toEqual(expected);
  });

  it('checks conditions and addresses', () => {
    expect(
      statusChange({}, { conditions: [{ type: 'a b', status: 'True' }], podIPs: [{ ip: 'x' }] }),
    ).toEqual([
      expect.stringMatching(/^metadata\.conditions\[0\]\.Type: Invalid value: "a b": name part/),
      expect.stringMatching(/^status\.podIPs\[0\]: Invalid value: "x": must be a valid IP/),
    ]);
  });
});
