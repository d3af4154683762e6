/** ReplicaSets on the shared engine. */

import type { ReplicaSet } from '@orrery/api/gen/types.ts';
import { ReplicaSets } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { replicaSetEngine } from '../replica-set-engine/index.ts';
import type { ReplicaOwnerKind } from '../replica-set-engine/owner.ts';

const kind: ReplicaOwnerKind<ReplicaSet> = {
  resource: ReplicaSets,
  matcher: ({ spec }) => labelSelectorMatcher(spec.selector),
  countsTerminating: true,
};

export function replicaSetController(context: ControllerContext): Controller {
  return replicaSetEngine('replicaset-controller', kind, context);
}
