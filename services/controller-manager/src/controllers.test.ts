import { CONTROLLER_ALIASES } from '@orrery/api/controller-selection.ts';
import { expect, test } from 'vitest';
import { CONTROLLERS } from './controllers.ts';
import { FakeCluster } from './test-support/fake-cluster.ts';

test('every controller can be selected by its name and its alias', () => {
  const aliases = Object.entries(CONTROLLERS).map(([name, { alias }]) => [name, alias]);
  expect(Object.fromEntries(aliases)).toEqual(CONTROLLER_ALIASES);
});

test('every controller can be made beside all others, under the name of its entry', () => {
  const { context } = new FakeCluster();
  const made = Object.values(CONTROLLERS).map(({ make }) => make(context, { nodeMonitorGraceMs: 1 }).name);
  expect(made).toEqual(Object.keys(CONTROLLERS));
});
