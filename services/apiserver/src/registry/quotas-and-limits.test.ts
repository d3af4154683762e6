import type { LimitRange } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { cells, defaulted, findings, type Json, sample, updateFindings } from './sample-objects.ts';

describe('a ResourceQuota', () => {
  const quota = (spec: Json): string[] => findings('resourcequotas', sample('resourcequotas', { spec }));
  const when =
    "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

  it.each<[string, Json, string[]]>([
    [
      'all kinds of names',
      {
        hard: {
          cpu: '1500m',
          'requests.memory': '1Gi',
          'limits.ephemeral-storage': '2Gi',
          'services.loadbalancers': '2',
          'count/deployments.apps': '4',
          'requests.nvidia.com/gpu': '4',
          'requests.hugepages-2Mi': '4Mi',
          'gold.storageclass.storage.k8s.io/requests.storage': '5Gi',
        },
      },
      [],
    ],
    [
      'a name that there is not',
      { hard: { apples: '1' } },
      [
        'spec.hard[apples]: Invalid value: "apples": must be a standard resource type or fully qualified',
        'spec.hard[apples]: Invalid value: "apples": must be a standard resource for quotas',
      ],
    ],
    [
      'a name of claims',
      { hard: { storage: '1' } },
      ['spec.hard[storage]: Invalid value: "storage": must be a standard resource for quotas'],
    ],
    [
      'amounts that cannot be',
      { hard: { pods: '-1', services: '1.5' } },
      [
        'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0',
        'spec.hard[services]: Invalid value: "1.5": must be an integer',
      ],
    ],
    [
      'scopes that exclude each other',
      { hard: { pods: '1' }, scopes: ['BestEffort', 'NotBestEffort', 'Terminating'] },
      ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Terminating"]: conflicting scopes'],
    ],
    [
      'a scope that there is not',
      { hard: { pods: '1' }, scopes: ['Often'] },
      ['spec.scopes: Invalid value: ["Often"]: unsupported scope'],
    ],
    [
      'a scope that does not go with what is limited',
      { hard: { cpu: '1', 'count/secrets': '1' }, scopes: ['BestEffort'] },
      ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
    ],
    [
      'a selector with an operator that its scope has not',
      {
        hard: { pods: '1' },
        scopeSelector: { matchExpressions: [{ scopeName: 'Terminating', operator: 'DoesNotExist' }] },
      },
      [`spec.scopeSelector.matchExpressions.operator: Invalid value: "DoesNotExist": ${when}`],
    ],
    [
      'selectors with too few and too many values',
      {
        hard: { pods: '1' },
        scopeSelector: {
          matchExpressions: [
            { scopeName: 'PriorityClass', operator: 'In' },
            { scopeName: 'PriorityClass', operator: 'Exists', values: ['high'] },
          ],
        },
      },
      [
        "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        "spec.scopeSelector.matchExpressions.values: Invalid value: [\"high\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
      ],
    ],
    [
      'an operator that there is not',
      {
        hard: { pods: '1' },
        scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'Like' }] },
      },
      ['spec.scopeSelector.matchExpressions.operator: Invalid value: "Like": not a valid selector operator'],
    ],
  ])('with %s', (_, spec, expected) => {
    expect(quota(spec)).toEqual(expected);
  });

  it('keeps its scopes, in whatever order', () => {
    const before = ['Terminating', 'BestEffort'];
    const same = ['BestEffort', 'Terminating'];
    const spec = (scopes: string[]): Json => ({ spec: { hard: { pods: '1' }, scopes } });
    expect(updateFindings('resourcequotas', spec(before), spec(same))).toEqual([]);
    expect(updateFindings('resourcequotas', spec(before), spec(['Terminating']))).toEqual([
      'spec.scopes: Invalid value: ["Terminating"]: field is immutable',
    ]);
  });

  it('shows what is used of what', () => {
    const status = {
      hard: { pods: '10', 'requests.cpu': '1', 'limits.cpu': '2' },
      used: { pods: '3', 'requests.cpu': '250m', 'limits.cpu': '1' },
    };
    expect(cells('resourcequotas', sample('resourcequotas', { status }))).toMatchObject({
      Request: 'pods: 3/10, requests.cpu: 250m/1',
      Limit: 'limits.cpu: 1/2',
    });
  });
});

describe('a LimitRange', () => {
  const range = (item: Json): string[] =>
    findings('limitranges', sample('limitranges', { spec: { limits: [item] } }));

  it('fills in what follows from the rest', () => {
    const item = { type: 'Container', max: { cpu: '2' }, min: { cpu: '1', memory: '1Gi' } };
    const { spec } = defaulted<LimitRange>(
      'limitranges',
      sample('limitranges', { spec: { limits: [item] } }),
    );
    expect(spec?.limits[0]).toEqual({
      ...item,
      default: { cpu: '2' },
      defaultRequest: { cpu: '2', memory: '1Gi' },
    });
  });

  it.each<[string, Json, string[]]>([
    ['all that a container can have', { type: 'Container', max: { cpu: '1', 'example.com/gpu': '1' } }, []],
    [
      'a type that there is not',
      { type: 'Node', max: { cpu: '1' } },
      ['spec.limits[0].type: Invalid value: "Node": must be a standard limit type or fully qualified'],
    ],
    [
      'a resource that containers do not have',
      { type: 'Container', max: { storage: '1Gi' } },
      [
        'spec.limits[0].max[storage]: Invalid value: "storage": must be a standard resource for containers',
        'spec.limits[0].default[storage]: Invalid value: "storage": must be a standard resource for containers',
        'spec.limits[0].defaultRequest[storage]: Invalid value: "storage": must be a standard resource for containers',
      ],
    ],
    [
      'defaults for whole pods',
      { type: 'Pod', default: { cpu: '1' } },
      ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"],
    ],
    [
      'no bound of a claim',
      { type: 'PersistentVolumeClaim' },
      [
        'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
      ],
    ],
    [
      'a minimum above the maximum',
      { type: 'Pod', min: { cpu: '2' }, max: { cpu: '1' } },
      ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
    ],
    [
      'defaults out of bounds',
      {
        type: 'Container',
        min: { cpu: '2' },
        max: { cpu: '3' },
        default: { cpu: '4' },
        defaultRequest: { cpu: '1' },
      },
      [
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
        'spec.limits[0].default[cpu]: Invalid value: "3": default value 4 is greater than max value 3',
      ],
    ],
    [
      'a ratio that no container could have',
      { type: 'Container', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '3' } },
      [
        'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
      ],
    ],
    [
      'a ratio below one',
      { type: 'Container', maxLimitRequestRatio: { cpu: '500m' } },
      ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1'],
    ],
    [
      'a default that differs for what cannot be overcommitted',
      { type: 'Container', default: { 'example.com/gpu': '2' }, defaultRequest: { 'example.com/gpu': '1' } },
      [
        'spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in example.com/gpu',
      ],
    ],
  ])('with %s', (_, item, expected) => {
    expect(range(item)).toEqual(expected);
  });

  it('has each type once', () => {
    const item = { type: 'Pod', max: { cpu: '1' } };
    expect(findings('limitranges', sample('limitranges', { spec: { limits: [item, item] } }))).toEqual([
      'spec.limits[1].type: Duplicate value: "Pod"',
    ]);
  });
});
