/** Refuses nodes that cannot be, and says of the others which they are, where somebody writes them. */

import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { NODES_OBJECT } from '@orrery/api/node-plan.ts';
import { ConfigMaps } from '@orrery/api/resources.ts';
import { invalid } from '@orrery/api/status-error.ts';
import { plannedData } from '../cluster-nodes.ts';

/** Sets the plan of the cluster's nodes. @throws StatusError 422 */
export function admitClusterNodes(object: ConfigMap, stored?: ConfigMap): void {
  const { namespace, name } = object.metadata;
  if (namespace !== NODES_OBJECT.namespace || name !== NODES_OBJECT.name) return;
  const { data, problems } = plannedData(object.data, stored?.data);
  if (problems.length > 0) throw invalid({ group: '', kind: ConfigMaps.kind, name }, problems);
  object.data = { ...data };
}
