import { describe, expect, test } from 'vitest';
import { CONTROLLER_ALIASES, selectControllers } from './controller-selection.ts';

describe('the selection of controllers', () => {
  const all = Object.keys(CONTROLLER_ALIASES);

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
