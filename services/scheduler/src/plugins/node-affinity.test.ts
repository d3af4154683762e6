import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { makePod } from '../test-support/fake-cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { nodeAffinity } from './node-affinity.ts';
import { snapshotOf, verdict } from '../test-support/verdicts.ts';

const NO_MATCH = ["node(s) didn't match Pod's node affinity/selector"];
const node = { name: 'n1', labels: { disk: 'ssd', cores: '8', empty: '' } };

function requiring(...nodeSelectorTerms: NodeSelectorTerm[]): Partial<PodSpec> {
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  };
}

function matches(spec: Partial<PodSpec>): boolean {
  const reasons = verdict(nodeAffinity, { name: 'p', spec }, node);
  if (reasons.length > 0) expect(reasons).toEqual(NO_MATCH);
  return reasons.length === 0;
}

describe('NodeAffinity', () => {
  it.each<{ selector: Record<string, string>; expected: boolean }>([
    { selector: {}, expected: true },
    { selector: { disk: 'ssd' }, expected: true },
    { selector: { disk: 'ssd', cores: '8' }, expected: true },
    { selector: { disk: 'hdd' }, expected: false },
    { selector: { disk: 'ssd', rack: '1' }, expected: false },
    { selector: { constructor: 'x' }, expected: false },
  ])('matches nodeSelector $selector: $expected', ({ selector, expected }) => {
    expect(matches({ nodeSelector: selector })).toBe(expected);
  });

  it.each<NodeSelectorRequirement & { expected: boolean }>([
    { key: 'disk', operator: 'In', values: ['hdd', 'ssd'], expected: true },
    { key: 'disk', operator: 'In', values: ['hdd'], expected: false },
    { key: 'disk', operator: 'In', values: [], expected: false },
    { key: 'rack', operator: 'In', values: ['1'], expected: false },
    { key: 'empty', operator: 'In', values: [''], expected: true },
    { key: 'disk', operator: 'NotIn', values: ['hdd'], expected: true },
    { key: 'disk', operator: 'NotIn', values: ['ssd'], expected: false },
    { key: 'disk', operator: 'NotIn', values: [], expected: false },
    { key: 'rack', operator: 'NotIn', values: ['1'], expected: true },
    { key: 'disk', operator: 'Exists', expected: true },
    { key: 'rack', operator: 'Exists', expected: false },
    { key: 'disk', operator: 'Exists', values: ['ssd'], expected: false },
    { key: 'rack', operator: 'DoesNotExist', expected: true },
    { key: 'disk', operator: 'DoesNotExist', expected: false },
    { key: 'cores', operator: 'Gt', values: ['7'], expected: true },
    { key: 'cores', operator: 'Gt', values: ['8'], expected: false },
    { key: 'cores', operator: 'Gt', values: ['-9'], expected: true },
    { key: 'cores', operator: 'Lt', values: ['9'], expected: true },
    { key: 'cores', operator: 'Lt', values: ['8'], expected: false },
    { key: 'cores', operator: 'Lt', values: ['9', '10'], expected: false },
    { key: 'cores', operator: 'Lt', values: ['many'], expected: false },
    { key: 'disk', operator: 'Gt', values: ['1'], expected: false },
    { key: 'rack', operator: 'Lt', values: ['1'], expected: false },
    { key: 'disk', operator: 'Like', values: ['ssd'], expected: false },
  ])('matches $key $operator $values: $expected', ({ expected, ...requirement }) => {
    expect(matches(requiring({ matchExpressions: [requirement] }))).toBe(expected);
  });

  it.each<NodeSelectorRequirement & { expected: boolean }>([
    { key: 'metadata.name', operator: 'In', values: ['n1'], expected: true },
    { key: 'metadata.name', operator: 'In', values: ['n2'], expected: false },
    { key: 'metadata.name', operator: 'In', values: ['n1', 'n2'], expected: false },
    { key: 'metadata.name', operator: 'NotIn', values: ['n2'], expected: true },
    { key: 'metadata.name', operator: 'NotIn', values: ['n1'], expected: false },
    { key: 'metadata.name', operator: 'Exists', expected: false },
    { key: 'metadata.uid', operator: 'In', values: ['n1'], expected: false },
  ])('matches field $key $operator $values: $expected', ({ expected, ...requirement }) => {
    expect(matches(requiring({ matchFields: [requirement] }))).toBe(expected);
  });

  const ssd = { key: 'disk', operator: 'In', values: ['ssd'] };
  const hdd = { key: 'disk', operator: 'In', values: ['hdd'] };
  const isN1 = { key: 'metadata.name', operator: 'In', values: ['n1'] };
  it.each<{ name: string; spec: Partial<PodSpec>; expected: boolean }>([
    {
      name: 'one of several terms',
      spec: requiring({ matchExpressions: [hdd] }, { matchExpressions: [ssd] }),
      expected: true,
    },
    {
      name: 'none of several terms',
      spec: requiring({ matchExpressions: [hdd] }, { matchExpressions: [hdd] }),
      expected: false,
    },
    { name: 'half of a term', spec: requiring({ matchExpressions: [ssd, hdd] }), expected: false },
    {
      name: 'expressions and fields',
      spec: requiring({ matchExpressions: [ssd], matchFields: [isN1] }),
      expected: true,
    },
    {
      name: 'fields without expressions',
      spec: requiring({ matchExpressions: [hdd], matchFields: [isN1] }),
      expected: false,
    },
    { name: 'no terms', spec: requiring(), expected: false },
    { name: 'an empty term', spec: requiring({}), expected: false },
    {
      name: 'the selector without the affinity',
      spec: { nodeSelector: { disk: 'ssd' }, ...requiring({ matchExpressions: [hdd] }) },
      expected: false,
    },
    {
      name: 'the affinity without the selector',
      spec: { nodeSelector: { disk: 'hdd' }, ...requiring({ matchExpressions: [ssd] }) },
      expected: false,
    },
  ])('decides on $name: $expected', ({ spec, expected }) => {
    expect(matches(spec)).toBe(expected);
  });

  const named = (...names: string[]): NodeSelectorTerm => ({
    matchFields: names.map((name) => ({ ...isN1, values: [name] })),
  });
  it.each<{ name: string; terms: NodeSelectorTerm[]; expected: string[] | undefined }>([
    { name: 'the named node', terms: [named('n7')], expected: ['n7'] },
    { name: 'the nodes of all terms', terms: [named('n7'), named('n8')], expected: ['n7', 'n8'] },
    {
      name: 'every node when a term names none',
      terms: [named('n7'), { matchExpressions: [ssd] }],
      expected: undefined,
    },
    {
      name: 'the nodes of the term that is possible',
      terms: [named('n7', 'n8'), named('n9')],
      expected: ['n9'],
    },
  ])('needs to look only at $name', ({ terms, expected }) => {
    const podFilter = nodeAffinity.preFilter(
      podInfo(makePod({ name: 'p', spec: requiring(...terms) })),
      snapshotOf([]),
    );
    expect(podFilter).not.toHaveProperty('unfit');
    expect(podFilter && 'nodeNames' in podFilter ? [...podFilter.nodeNames] : undefined).toEqual(expected);
  });

  it('calls a pod unfit whose terms all name two nodes at once', () => {
    expect(verdict(nodeAffinity, { name: 'p', spec: requiring(named('n7', 'n8')) }, node)).toBe(
      'pod affinity terms conflict',
    );
  });
});
