import type { LabelSelector, Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { definitionOf, findings, idleContext, type Json, sample } from './sample-objects.ts';

const pods = definitionOf('pods');

function created(spec: Json, labels: Json): Pod {
  const pod = sample<Pod>(
    'pods',
    { spec: { containers: [{ name: 'main', image: 'nginx:1' }], ...spec } },
    { labels },
  );
  pods.defaults?.(pod);
  void pods.prepareCreate?.(pod, idleContext);
  return pod;
}

const term = (more: Json): Json => ({
  topologyKey: 'zone',
  labelSelector: { matchLabels: { app: 'web' } },
  ...more,
});

describe('keys of labels in a selector of a new pod', () => {
  const keys = { matchLabelKeys: ['revision', 'missing'], mismatchLabelKeys: ['tenant'] };
  const labels = { app: 'web', revision: '7', tenant: 'a' };
  const merged: LabelSelector = {
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'revision', operator: 'In', values: ['7'] },
      { key: 'tenant', operator: 'NotIn', values: ['a'] },
    ],
  };

  it('become requirements in all terms of affinity', () => {
    const terms = {
      requiredDuringSchedulingIgnoredDuringExecution: [term(keys)],
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term(keys) }],
    };
    const { affinity } = created({ affinity: { podAffinity: terms, podAntiAffinity: terms } }, labels).spec;
    for (const kind of [affinity?.podAffinity, affinity?.podAntiAffinity]) {
      const [required] = kind?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
      const [preferred] = kind?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      expect(required?.labelSelector).toEqual(merged);
      expect(preferred?.podAffinityTerm.labelSelector).toEqual(merged);
    }
  });

  it('become requirements in constraints of spreading', () => {
    const constraint = { ...term({ matchLabelKeys: ['revision'] }), maxSkew: 1 };
    const { topologySpreadConstraints } = created({ topologySpreadConstraints: [constraint] }, labels).spec;
    expect(topologySpreadConstraints?.[0]?.labelSelector?.matchExpressions).toEqual([
      { key: 'revision', operator: 'In', values: ['7'] },
    ]);
  });

  it('add nothing to a selector that is not there', () => {
    const constraint = { topologyKey: 'zone', maxSkew: 1, matchLabelKeys: ['revision'] };
    const pod = created({ topologySpreadConstraints: [constraint] }, labels);
    expect(pod.spec.topologySpreadConstraints?.[0]?.labelSelector).toBeUndefined();
    expect(findings('pods', pod)).toEqual([
      'spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
    ]);
  });

  it('are refused where the selector asks for the label too', () => {
    const constraint = { ...term({ matchLabelKeys: ['app'] }), maxSkew: 1 };
    expect(findings('pods', created({ topologySpreadConstraints: [constraint] }, labels))).toEqual([
      'spec.topologySpreadConstraints[0][0]: Invalid value: "app": exists in both matchLabelKeys and labelSelector',
    ]);
    const both = {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          term({ matchLabelKeys: ['x'], mismatchLabelKeys: ['x'] }),
        ],
      },
    };
    expect(findings('pods', created({ affinity: both }, labels))).toEqual([
      'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[0]: Invalid value: "x": exists in both matchLabelKeys and mismatchLabelKeys',
    ]);
  });
});
