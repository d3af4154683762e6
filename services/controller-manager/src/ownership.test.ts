import { controllerReference } from '@orrery/api/meta.ts';
import { ReplicaSets } from '@orrery/api/resources.ts';
import { mapMatcher } from '@orrery/api/selectors.ts';
import { expect, test } from 'vitest';
import { planClaims } from './ownership.ts';
import { pod, replicaSet } from './test-support/objects.ts';

const owner = replicaSet('web', 1);
const mine = { ownerReferences: [controllerReference(owner, ReplicaSets)] };
const other = { ownerReferences: [controllerReference(replicaSet('other', 1), ReplicaSets)] };
const strange = { labels: { app: 'strange' } };

test.each([
  ['its own that match', mine, {}, 'owned'],
  ['its own that no longer match', { ...mine, ...strange }, {}, 'release'],
  ['orphans that match', {}, {}, 'adopt'],
  ['orphans that do not', strange, {}, undefined],
  ['those of others', other, {}, undefined],
  ['orphans on their way out', { deletionTimestamp: 'x' }, {}, undefined],
  ['its own on their way out', { ...mine, deletionTimestamp: 'x' }, {}, 'owned'],
  ['orphans, while it is deleted itself', {}, { deletionTimestamp: 'x' }, undefined],
  ['strangers, while it is deleted itself', { ...mine, ...strange }, { deletionTimestamp: 'x' }, undefined],
])('%s', (_name, metadata, ownerMetadata, expected) => {
  const claims = planClaims(
    { ...owner, metadata: { ...owner.metadata, ...ownerMetadata } },
    mapMatcher({ app: 'web' }),
    [pod('a', { metadata })],
  );
  const found = (['owned', 'adopt', 'release'] as const).find((each) => claims[each].length > 0);
  expect(found).toBe(expected);
});
