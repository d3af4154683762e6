/** What is said of disruption budgets in several places (policy/v1). */

import type { PodDisruptionBudgetStatus } from './gen/types.ts';

/** The status of a budget that nobody has counted yet: it allows nothing. */
export const UNCOUNTED: Readonly<PodDisruptionBudgetStatus> = {
  disruptionsAllowed: 0,
  currentHealthy: 0,
  desiredHealthy: 0,
  expectedPods: 0,
};
