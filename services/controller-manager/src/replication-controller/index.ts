/** ReplicationControllers on the engine of ReplicaSets; their selectors are plain maps. */

import type { ReplicationController } from '@orrery/api/gen/types.ts';
import { ReplicationControllers } from '@orrery/api/resources.ts';
import { mapMatcher } from '@orrery/api/selectors.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { replicaSetEngine } from '../replica-set-engine/index.ts';
import type { ReplicaOwnerKind } from '../replica-set-engine/owner.ts';

const kind: ReplicaOwnerKind<ReplicationController> = {
  resource: ReplicationControllers,
  matcher: ({ spec }) => mapMatcher(spec.selector),
  countsTerminating: false,
};

export function replicationController(context: ControllerContext): Controller {
  return replicaSetEngine('replicationcontroller-controller', kind, context);
}
