/** Lifecycle hooks of containers (pkg/kubelet/lifecycle/handlers.go). */

import type { LifecycleHandler, Pod } from '@orrery/api/gen/types.ts';
import type { Container } from '../runtime/runtime.ts';

export interface HookRunner {
  /**
   * Runs a hook of a running container. Resolves when it is over, or soon after `signal` is
   * aborted. @throws Error that says why it failed
   */
  run(pod: Pod, container: Container, hook: LifecycleHandler, signal: AbortSignal): Promise<void>;
}
