/** Probes of running containers (pkg/kubelet/prober). */

import type { Pod } from '@orrery/api/gen/types.ts';
import type { Container } from '../runtime/runtime.ts';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export interface ProbeManager {
  /**
   * Probes the running containers of the pod from now on, and no longer those that stopped.
   * To be called whenever one of them changed; doing it again changes nothing.
   */
  follow(pod: Pod, containers: readonly Container[]): void;
  /** The pod is to stop: only its readiness is still probed (StopLivenessAndStartup). */
  stopLivenessAndStartup(podUid: string): void;
  /** The pod is over. */
  forget(podUid: string): void;
  /** Of a running container: true without a readiness probe, but not before its startup probe succeeded. */
  isReady(container: Container): boolean;
  /** Of a running container: true without a startup probe. */
  hasStarted(container: Container): boolean;
  /** The probe that says that a container must be restarted. */
  failure(container: Container): 'startup' | 'liveness' | undefined;
}
