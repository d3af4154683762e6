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

  it('checks conditions and addresses', () => {
    expect(
      statusChange({}, { conditions: [{ type: 'a b', status: 'True' }], podIPs: [{ ip: 'x' }] }),
    ).toEqual([
      expect.stringMatching(/^metadata\.conditions\[0\]\.Type: Invalid value: "a b": name part/),
      expect.stringMatching(/^status\.podIPs\[0\]: Invalid value: "x": must be a valid IP/),
    ]);
  });
});
