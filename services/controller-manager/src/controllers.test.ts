import { describe, expect, test } from 'vitest';
import { CONTROLLERS, selectControllers } from './controllers.ts';
import { FakeCluster } from './test-support/fake-cluster.ts';

describe('the selection of controllers', () => {
  const all = Object.keys(CONTROLLERS);

  test.each([
    ['*', all],
    ['deployment-controller', ['deployment-controller']],
    ['replicaset,deployment', ['replicaset-controller', 'deployment-controller']],
    ['*,-podgc', all.filter((name) => name !== 'pod-garbage-collector-controller')],
    ['-podgc', []],
    ['', []],
  ])('%j', (text, expected) => {
    expect(selectControllers(text)).toEqual({ names: expected, problems: [] });
  });

  test('names what does not exist, and what does', () => {
    const { problems } = selectControllers('*,-nonsense,deploymnt');
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain('no controller named "-nonsense"; there are: namespace-controller, ');
  });
});

test('every controller can be made beside all others, under the name of its entry', () => {
  const { context } = new FakeCluster();
  const made = Object.values(CONTROLLERS).map(({ make }) => make(context, { nodeMonitorGraceMs: 1 }).name);
  expect(made).toEqual(Object.keys(CONTROLLERS));
});
