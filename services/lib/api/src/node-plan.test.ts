import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MOST_NODES, type NodeGroup, parseNodeGroups } from './node-groups.ts';
import { formatPlan, NO_NODES, type NodePlan, parsePlan, plannedNodes, planNodes } from './node-plan.ts';

const groups = (...counts: [name: string, count: number][]): NodeGroup[] =>
  counts.flatMap(([name, count]) => parseNodeGroups(JSON.stringify({ groups: [{ name, count }] })).groups);

const indexes = (plan: NodePlan): Map<string, number> =>
  new Map(plannedNodes(plan).map(({ name, index }) => [name, index]));

describe('the plan of the nodes', () => {
  test('numbers the ordinary nodes from the first', () => {
    const plan = planNodes(groups(['default', 300]), NO_NODES);
    expect([...indexes(plan)].slice(0, 2)).toEqual([
      ['node-1', 0],
      ['node-2', 1],
    ]);
    expect(indexes(plan).get('node-300')).toBe(299);
  });

  test('leaves every node its index when others come and go', () => {
    const before = planNodes(groups(['a', 300], ['b', 10]), NO_NODES);
    const after = planNodes(groups(['c', 5], ['b', 600], ['a', 2]), before);
    expect(indexes(after).get('a-2')).toBe(indexes(before).get('a-2'));
    expect(indexes(after).get('b-10')).toBe(indexes(before).get('b-10'));
    const again = planNodes(groups(['a', 300]), after);
    expect(indexes(again).get('a-300')).toBe(indexes(before).get('a-300'));
  });

  test('gives another group the addresses of one that has gone only when there are no others', () => {
    const first = planNodes(groups(['a', 1], ['b', 1]), NO_NODES);
    const without = planNodes(groups(['a', 1]), first);
    const other = planNodes(groups(['a', 1], ['c', 1]), without);
    expect(indexes(other).get('c-1')).toBe(512);
  });

  test('never gives an index to two nodes, and has one for each', () => {
    const count = fc.oneof(fc.nat(20), fc.nat(1_600));
    const step = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), count), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        let plan = NO_NODES;
        for (const each of steps) {
          const wanted = groups(...new Map(each));
          const before = indexes(plan);
          const names = new Set(wanted.map(({ name }) => name));
          plan = planNodes(wanted, parsePlan(formatPlan(plan))!);
          const after = indexes(plan);
          expect(after.size).toBe(wanted.reduce((sum, group) => sum + group.count, 0));
          expect(new Set(after.values()).size).toBe(after.size);
          for (const [name, index] of after) {
            expect(index).toBeLessThan(116 * 256);
            if (names.has(name.split('-')[0]!) && before.has(name)) expect(index).toBe(before.get(name));
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test('has room for the most groups and nodes that there may be, whatever they were before', () => {
    const shrunk = planNodes(groups(['a', MOST_NODES]), NO_NODES);
    const swapped = planNodes(groups(['a', 0], ['b', MOST_NODES]), shrunk);
    const third = planNodes(groups(['a', 0], ['b', 0], ['c', MOST_NODES]), swapped);
    const many = Array.from({ length: 61 }, (_, at): [string, number] => [`g${at}`, 1]);
    const all = planNodes(groups(['a', 1], ['b', 1], ['c', MOST_NODES - 63], ...many), third);
    expect(new Set(indexes(all).values()).size).toBe(MOST_NODES);
  });

  test.each(['', '{}', '[]', '{"groups": [{}], "nextBlock": 0}', '{"groups": 3, "nextBlock": 0}'])(
    '%j is none',
    (text) => {
      expect(parsePlan(text)).toBeUndefined();
    },
  );

  test('that gives a block to two groups is none', () => {
    const plan = planNodes(groups(['a', 1], ['b', 1]), NO_NODES);
    const bad = { ...plan, groups: plan.groups.map((each) => ({ ...each, blocks: [0] })) };
    expect(parsePlan(JSON.stringify(bad))).toBeUndefined();
    expect(parsePlan(formatPlan(plan))).toEqual(plan);
  });
});
