/** What the results of a probe amount to (pkg/kubelet/prober/worker.go, results). Pure. */

import type { Probe } from '@orrery/api/gen/types.ts';
import type { ProbeKind } from './probe-manager.ts';

export type ProbeResult = 'success' | 'failure';

/** What is known by the probes of one container so far. */
export interface ProbeState {
  /** What counts: the last result that came often enough in a row. */
  readonly verdict: ProbeResult | 'unknown';
  readonly last: ProbeResult | undefined;
  /** How often in a row the last result came. */
  readonly run: number;
}

/** Before the first probe a container counts as alive, as not ready, and as neither started nor failed. */
export function initialState(kind: ProbeKind): ProbeState {
  const verdict = { liveness: 'success', readiness: 'failure', startup: 'unknown' } as const;
  return { verdict: verdict[kind], last: undefined, run: 0 };
}

/** The state after one more result: the verdict changes when the threshold is reached. */
export function afterResult(
  { verdict, last, run: before }: ProbeState,
  result: ProbeResult,
  { failureThreshold = 3, successThreshold = 1 }: Pick<Probe, 'failureThreshold' | 'successThreshold'>,
): ProbeState {
  const run = last === result ? before + 1 : 1;
  const threshold = result === 'failure' ? failureThreshold : successThreshold;
  return { verdict: run >= threshold ? result : verdict, last: result, run };
}
