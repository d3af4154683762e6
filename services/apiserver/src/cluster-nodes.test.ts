import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { plainConfig } from '@orrery/api/node-groups.ts';
import { NODES_OBJECT, parsePlan, plannedNodes } from '@orrery/api/node-plan.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ClusterNodes, plannedData, type StartingNodes, startingNodes } from './cluster-nodes.ts';
import { definitions } from './registry/index.ts';
import { ApiFixture, requestContext } from './verbs/test-support/api-fixture.ts';

const namesIn = (plan: string | undefined): string[] =>
  plannedNodes(parsePlan(plan ?? '')!).map(({ name }) => name);

describe('the content of the ConfigMap', () => {
  test('gets a plan, whatever is said of that', () => {
    const { data, problems } = plannedData({ config: plainConfig(2), plan: 'mine', note: 'x' });
    expect(problems).toEqual([]);
    expect(namesIn(data['plan'])).toEqual(['node-1', 'node-2']);
    expect(data['note']).toBe('x');
  });

  test('keeps its plan while the configuration stays, and addresses while a group does', () => {
    const before = plannedData({ config: plainConfig(2) }).data;
    expect(plannedData({ config: plainConfig(2) }, before).data).toEqual(before);
    const other = 'groups: [{name: a, count: 1}, {name: default, count: 1}]';
    const after = plannedData({ config: other, plan: '' }, before).data;
    expect(plannedNodes(parsePlan(after['plan']!)!).map(({ name, index }) => [name, index])).toEqual([
      ['a-1', 256],
      ['node-1', 0],
    ]);
    // Made again from a copy.
    expect(plannedData(after).data).toEqual(after);
  });

  test.each([
    [{}, 'data[config]'],
    [{ config: '' }, 'data[config]'],
    [{ config: 'groups: [{name: a, count: -1}]' }, 'data[config].groups[0].count'],
  ])('%j is refused by the name of its field', (data, path) => {
    expect(plannedData(data).problems.map((each) => each.field)).toEqual([path]);
  });
});

describe('what a cluster was started with', () => {
  test.each([
    [undefined, undefined, 'starts with three nodes, and wishes nothing', plainConfig(3), false],
    [5, '', 'is a number', plainConfig(5), true],
    [5, 'groups: []', 'is a configuration before a number', 'groups: []', true],
  ])('%s and %j %s', (count, text, _, config, isWish) => {
    const start = startingNodes(count, text, '1');
    expect([start.config, start.wish !== undefined]).toEqual([config, isWish]);
  });

  test('is another wish with another start, or another text', () => {
    const wishes = [
      startingNodes(3, '', '1'),
      startingNodes(3, '', '2'),
      startingNodes(4, '', '2'),
      startingNodes(3, '', '1'),
    ].map(({ wish }) => wish);
    expect(new Set(wishes).size).toBe(3);
    expect(wishes[0]).toBe(wishes[3]);
  });
});

describe('the nodes of a cluster', () => {
  const definition = definitions.find(({ ref }) => ref.resource === 'configmaps')!;
  const { namespace, name } = NODES_OBJECT;
  let fixture: ApiFixture;
  let stop: AbortController;

  beforeEach(async () => {
    fixture = await ApiFixture.start();
    await fixture.create('namespaces', { metadata: { name: namespace } });
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await fixture.close();
  });

  /** An apiserver that starts; returns what it knows. */
  async function apiserver(start: StartingNodes): Promise<ClusterNodes> {
    const nodes = new ClusterNodes({
      api: fixture.api,
      definition,
      start,
      logger: silentLogger(),
      signal: stop.signal,
    });
    void nodes.keep();
    if ((await stored()) === undefined) await create(nodes);
    return nodes;
  }
  const create = (nodes: ClusterNodes) =>
    fixture.api.create(definition, namespace, nodes.object() as unknown as ConfigMap, requestContext());
  const stored = async (): Promise<ConfigMap | undefined> => {
    try {
      return JSON.parse((await fixture.api.get(definition, namespace, name)).value) as ConfigMap;
    } catch {
      return undefined;
    }
  };
  const count = async () => namesIn((await stored())?.data?.['plan']).length;
  const set = (config: string) =>
    fixture.api.modify(
      definition,
      namespace,
      name,
      (current) => ({ ...current, data: { config } }) as unknown as ConfigMap,
      { subresource: '' },
      requestContext(),
    );

  test('follow each start once, and what others set after that', async () => {
    await apiserver(startingNodes(5, '', '1'));
    expect(await count()).toBe(5);
    await set(plainConfig(7));
    await apiserver(startingNodes(5, '', '1'));
    await apiserver(startingNodes(undefined, '', ''));
    await set(plainConfig(8));
    expect(await count()).toBe(8);
    await apiserver(startingNodes(5, '', '2'));
    await vi.waitFor(async () => expect(await count()).toBe(5));
    await set(plainConfig(9));
    expect(await count()).toBe(9);
  });

  test('are made again as they were when somebody deletes them', async () => {
    await apiserver(startingNodes(5, '', '1'));
    await set(plainConfig(7));
    const before = await vi.waitFor(async () => (await stored())!);
    await fixture.api.delete(definition, namespace, name, {}, requestContext());
    await vi.waitFor(async () => expect(await stored()).toBeDefined());
    expect((await stored())?.data).toEqual(before.data);
    expect((await stored())?.metadata.annotations).toEqual(before.metadata.annotations);
  });

  test('that cannot be are refused where somebody writes them', async () => {
    await apiserver(startingNodes(5, '', '1'));
    await expect(set('groups: [{name: a, count: x}]')).rejects.toThrow(
      'ConfigMap "orrery-nodes" is invalid: data[config].groups[0].count: Invalid value: "x": must be a whole number from 0 to 5000',
    );
    expect(await count()).toBe(5);
  });
});
