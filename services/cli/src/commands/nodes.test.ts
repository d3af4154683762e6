import type { Node } from '@orrery/api/gen/types.ts';
import { parseNodeGroups, plainConfig } from '@orrery/api/node-groups.ts';
import { NO_NODES, planNodes } from '@orrery/api/node-plan.ts';
import { describe, expect, test } from 'vitest';
import { changedConfig, groupLines, groupRows, parseChanges } from './nodes.ts';

const TWO = 'groups: [{name: small, count: 2, zones: [east]}, {name: big, count: 1}]';

describe('the numbers of nodes', () => {
  test('are of the only group, or of those that are named', () => {
    expect([...parseChanges(['7'])]).toEqual([[undefined, 7]]);
    expect([...parseChanges(['small=0', 'big=20'])]).toEqual([
      ['small', 0],
      ['big', 20],
    ]);
  });

  test.each([['many'], ['-1'], ['5001'], ['small='], ['=3'], ['small=1.5']])('are not %s', (word) => {
    expect(() => parseChanges([word])).toThrow(`"${word}" is no number of nodes`);
  });

  test('are said once', () => {
    expect(() => parseChanges(['a=1', 'a=2'])).toThrow('"a=2" is the second number for the same nodes');
  });
});

describe('a change of the configuration', () => {
  const counts = (config: string) =>
    parseNodeGroups(config).groups.map(({ name, count, leave }) => [name, count, leave]);

  test('sets counts, and how surplus nodes leave', () => {
    expect(counts(changedConfig(plainConfig(3), parseChanges(['5']), 'drain'))).toEqual([
      ['default', 5, 'drain'],
    ]);
    const changed = changedConfig(TWO, parseChanges(['big=0']), 'vanish');
    expect(counts(changed)).toEqual([
      ['small', 2, 'drain'],
      ['big', 0, 'vanish'],
    ]);
    expect(counts(changedConfig(changed, parseChanges(['big=2']), 'drain'))[1]).toEqual(['big', 2, 'drain']);
  });

  test.each([
    ['4', 'there are several groups of nodes (small, big); say whose: "small=4"'],
    ['smal=4', 'there is no group of nodes called smal; did you mean small?'],
    ['other=4', 'there is no group of nodes called other; the groups are small, big'],
  ])('%s is refused when it is not clear', (word, problem) => {
    expect(() => changedConfig(TWO, parseChanges([word]), 'drain')).toThrow(problem);
  });
});

test('the groups are shown with what there is of them', () => {
  const node = (name: string, group: string, agent: string, ready = 'True'): Node => ({
    metadata: {
      name,
      namespace: '',
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'orrery.dev/node-group': group, 'orrery.dev/node-agent': agent },
    },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: ready }] },
  });
  const plan = planNodes(parseNodeGroups(TWO).groups, NO_NODES);
  const nodes = [
    node('small-1', 'small', 'node-agent-1'),
    node('small-2', 'small', 'node-agent-0', 'Unknown'),
    node('small-3', 'small', 'node-agent-0'),
  ];
  const capacity = 'cpu=4,memory=16Gi,ephemeral-storage=100Gi,pods=110';
  const words = groupLines(groupRows(plan, nodes)).map((line) => line.split(/ {2,}/));
  expect(words).toEqual([
    ['GROUP', 'NODES', 'COUNT', 'READY', 'LEAVING', 'ZONES', 'CAPACITY', 'AGENTS'],
    ['small', 'small-1 to 2', '2', '1', '1', 'east', capacity, 'node-agent-0,node-agent-1'],
    ['big', 'big-1', '1', '0', '0', 'zone-a,zone-b,zone-c', capacity, '-'],
  ]);
});
