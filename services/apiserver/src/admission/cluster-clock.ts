/** Refuses what the cluster's clock cannot be set to, where somebody writes it. */

import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { ConfigMaps } from '@orrery/api/resources.ts';
import { invalid } from '@orrery/api/status-error.ts';
import { CLOCK_NAME, CLOCK_NAMESPACE, clockProblems } from '../cluster-clock.ts';

/** @throws StatusError 422 */
export function admitClusterClock({ metadata, data }: ConfigMap): void {
  if (metadata.namespace !== CLOCK_NAMESPACE || metadata.name !== CLOCK_NAME) return;
  const problems = clockProblems(data);
  if (problems.length > 0) throw invalid({ group: '', kind: ConfigMaps.kind, name: CLOCK_NAME }, problems);
}
