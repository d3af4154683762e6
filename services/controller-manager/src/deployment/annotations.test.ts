import { expect, test } from 'vitest';
import { deployment, replicaSet, templateOf } from '../test-support/objects.ts';
import {
  annotationChanges,
  initialAnnotations,
  nextRevision,
  REVISION,
  REVISION_HISTORY,
} from './annotations.ts';
import { sameTemplate } from './rollout.ts';
import { templateHash } from './template-hash.ts';

const CAUSE = 'kubernetes.io/change-cause';

test('the cause of a change is copied, what describes the Deployment alone is not', () => {
  const annotations = {
    [CAUSE]: 'a new image',
    [REVISION]: '7',
    'kubectl.kubernetes.io/last-applied-configuration': '{}',
  };
  expect(initialAnnotations(deployment(4, {}, { annotations }), 3)).toEqual({
    [CAUSE]: 'a new image',
    [REVISION]: '3',
    'deployment.kubernetes.io/desired-replicas': '4',
    'deployment.kubernetes.io/max-replicas': '5',
  });
});

test('an old template that is taken up again gets a new revision and remembers its old one', () => {
  const set = replicaSet('web-1', 1, {
    metadata: { annotations: { [REVISION]: '2', [REVISION_HISTORY]: '1' } },
  });
  expect(annotationChanges(deployment(1), set, 5)).toEqual({ [REVISION]: '5', [REVISION_HISTORY]: '1,2' });
  expect(annotationChanges(deployment(1), set, 2)).toEqual({});
});

test('the history of revisions does not grow for ever', () => {
  const history = Array.from({ length: 600 }, (_, index) => index).join(',');
  const set = replicaSet('web-1', 1, {
    metadata: { annotations: { [REVISION]: '600', [REVISION_HISTORY]: history } },
  });
  const changed = annotationChanges(deployment(1), set, 601)[REVISION_HISTORY] ?? '';
  expect(changed.length).toBeLessThanOrEqual(2000);
  expect(changed.endsWith(',600')).toBe(true);
});

test('the next revision is one more than the highest old one', () => {
  const old = ['2', '9', undefined].map((revision, index) =>
    replicaSet(`old-${index}`, 0, {
      metadata: { annotations: revision === undefined ? {} : { [REVISION]: revision } },
    }),
  );
  expect(nextRevision(old)).toBe(10);
  expect(nextRevision([])).toBe(1);
});

test('the hash follows the template and the collisions, not the order of properties', () => {
  const template = templateOf('web:1');
  const reordered = { spec: template.spec!, metadata: template.metadata! };
  expect(templateHash(reordered, undefined)).toBe(templateHash(template, undefined));
  expect(templateHash(template, 1)).not.toBe(templateHash(template, undefined));
  expect(templateHash(templateOf('web:2'), undefined)).not.toBe(templateHash(template, undefined));
  expect(templateHash(template, undefined)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
});

test('templates are compared without the hash', () => {
  const hashed = { ...templateOf('web:1'), metadata: { labels: { app: 'web', 'pod-template-hash': 'x' } } };
  expect(sameTemplate(hashed, templateOf('web:1'))).toBe(true);
  expect(sameTemplate(hashed, templateOf('web:2'))).toBe(false);
});
