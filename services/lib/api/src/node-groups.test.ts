import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseNodeGroups, plainConfig, withCounts } from './node-groups.ts';
import { fieldErrorText } from './status-error.ts';

const problems = (text: string, path?: string): string[] =>
  parseNodeGroups(text, path).problems.map(fieldErrorText);

describe('groups of nodes', () => {
  test('that say nothing else are ordinary', () => {
    expect(parseNodeGroups(plainConfig(7))).toEqual({
      groups: [
        {
          name: 'default',
          count: 7,
          namePrefix: 'node-',
          zones: ['zone-a', 'zone-b', 'zone-c'],
          region: 'orrery',
          capacity: { cpu: '4', memory: '16Gi', 'ephemeral-storage': '100Gi', pods: '110' },
          allocatable: { cpu: '4', memory: '16Gi', 'ephemeral-storage': '100Gi', pods: '110' },
          labels: {},
          taints: [],
          images: [],
          leave: 'drain',
        },
      ],
      problems: [],
    });
  });

  test('say what differs', () => {
    const { groups } = parseNodeGroups(`
groups:
- name: gpu
  count: 2
  namePrefix: worker-gpu-
  zones: [west]
  region: moon
  capacity: {cpu: 16, memory: 64Gi, example.com/gpu: 4}
  allocatable: {cpu: 15500m}
  labels: {accelerator: "yes"}
  taints: [{key: gpu, effect: NoSchedule}, {key: gpu, value: big, effect: NoExecute}]
  leave: vanish
`);
    expect(groups[0]).toMatchObject({
      namePrefix: 'worker-gpu-',
      zones: ['west'],
      capacity: { cpu: '16', memory: '64Gi', pods: '110', 'example.com/gpu': '4' },
      allocatable: { cpu: '15500m', memory: '64Gi', 'example.com/gpu': '4' },
      taints: [
        { key: 'gpu', effect: 'NoSchedule' },
        { key: 'gpu', value: 'big', effect: 'NoExecute' },
      ],
      leave: 'vanish',
    });
  });

  test.each([
    ['', 'groups: Required value: a list of groups of nodes, each with name and count'],
    ['groups: 3', 'groups: Required value: a list of groups of nodes, each with name and count'],
    ['groups: [', 'the file: Invalid value: "groups: [": '],
    ['{groups: [], more: 1}', 'more: Invalid value: "more": unknown field; there are: groups'],
    ['groups: [{count: 1}]', 'groups[0].name: Required value'],
    ['groups: [{name: a}]', 'groups[0].count: Required value: how many nodes the group has'],
    [
      'groups: [{name: a, count: 1.5}]',
      'groups[0].count: Invalid value: 1.5: must be a whole number from 0 to 5000',
    ],
    [
      'groups: [{name: a, count: 9999}]',
      'groups[0].count: Invalid value: 9999: must be a whole number from 0 to 5000',
    ],
    [
      'groups: [{name: a, count: 3000}, {name: b, count: 3000}]',
      'groups: Invalid value: 6000: must be at most 5000 nodes in all groups together',
    ],
    ['groups: [{name: a, count: 1}, {name: a, count: 1}]', 'groups[1].name: Duplicate value: "a"'],
    [
      'groups: [{name: a, count: 1}, {name: b, count: 1, namePrefix: a-1}]',
      'groups[0].namePrefix: Invalid value: "a-": nodes would be called like those of group b',
    ],
    ['groups: [{name: a, count: 1, namePrefix: _}]', 'groups[0].namePrefix: Invalid value: "_": '],
    ['groups: [{name: a, count: 1, zones: ["a b"]}]', 'groups[0].zones[0]: Invalid value: "a b": '],
    ['groups: [{name: a, count: 1, zones: []}]', 'groups[0].zones: Required value: at least one'],
    [
      'groups: [{name: a, count: 1, capacity: {gpu: 1}}]',
      'groups[0].capacity.gpu: Invalid value: 1: must be one of ',
    ],
    [
      'groups: [{name: a, count: 1, capacity: {cpu: x}}]',
      'groups[0].capacity.cpu: Invalid value: "x": must be a quantity',
    ],
    [
      'groups: [{name: a, count: 1, capacity: {pods: 500m}}]',
      'groups[0].capacity.pods: Invalid value: "500m": must be an integer',
    ],
    [
      'groups: [{name: a, count: 1, allocatable: {cpu: 5}}]',
      'groups[0].allocatable.cpu: Invalid value: "5": must be at most the capacity (4)',
    ],
    [
      'groups: [{name: a, count: 1, labels: {x: yes, y: 1}}]',
      'groups[0].labels.y: Invalid value: 1: must be a string; put it in quotes',
    ],
    [
      'groups: [{name: a, count: 1, labels: {kubernetes.io/hostname: x}}]',
      'groups[0].labels.kubernetes.io/hostname: Forbidden: is set by the node agent',
    ],
    [
      'groups: [{name: a, count: 1, taints: [{key: a, effect: No}]}]',
      'groups[0].taints[0].effect: Unsupported value: "No": ',
    ],
    [
      'groups: [{name: a, count: 1, taints: [{effect: NoExecute}]}]',
      'groups[0].taints[0].key: Required value',
    ],
    [
      'groups: [{name: a, count: 1, leave: slowly}]',
      'groups[0].leave: Unsupported value: "slowly": supported values: "drain", "vanish"',
    ],
    [
      'groups: [{name: a, count: 1, images: [nginx, "a b"]}]',
      'groups[0].images[1]: Invalid value: "a b": must be the name of an image, such as nginx:1.27',
    ],
    ['groups: [7]', 'groups[0]: Invalid value: 7: must be a map with name and count'],
  ])('%s are refused', (text, problem) => {
    expect(problems(text).join('\n')).toContain(problem);
  });

  test('name fields within what they are part of', () => {
    expect(problems('groups: [{name: a}]', 'data[config]')).toEqual([
      'data[config].groups[0].count: Required value: how many nodes the group has',
    ]);
    expect(problems('x: [', 'data[config]')[0]).toMatch(/^data\[config\]: Invalid value: "x: \[": /);
  });

  test('get other counts, and their comments stay', () => {
    const text = '# mine\ngroups:\n  - name: a # first\n    count: 1 # few\n  - name: b\n    count: 2\n';
    const changes = new Map([['a', { count: 5, leave: 'vanish' as const }]]);
    const changed = withCounts(text, changes);
    expect(changed).toContain('# mine');
    expect(changed).toContain('count: 5 # few');
    const { groups } = parseNodeGroups(changed);
    expect(groups.map(({ count, leave }) => [count, leave])).toEqual([
      [5, 'vanish'],
      [2, 'drain'],
    ]);
    const back = withCounts(changed, new Map([['a', { count: 1, leave: 'drain' as const }]]));
    expect(back).toBe(text);
    expect(() => withCounts(text, new Map([['c', { count: 1, leave: 'drain' as const }]]))).toThrow(
      'no group c',
    );
  });

  test('in the documentation can be used', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../../docs/nodes.md'), 'utf8');
    const examples = [...page.matchAll(/```yaml\n(groups:[\s\S]*?)```/g)].map(([, text]) => text!);
    expect(examples.length).toBeGreaterThan(0);
    expect(examples.flatMap((each) => problems(each))).toEqual([]);
  });
});
