/** What the containers of one pod have been allocated while a resize of it waits or is under way (pkg/kubelet/allocation/allocation_manager.go). */

import type { Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import {
  type Allocation,
  allocationBefore,
  allocationReported,
  limitsDiffer,
  resizeMessage,
  type ResizePending,
  withAllocation,
} from './resize.ts';
import type { PodRecord } from './record.ts';

export interface ResizeOptions {
  /** The cluster's clock. */
  clock: Clock;
  /** Why the node of a pod has no room for what the pod wants now; undefined when it has. */
  resizeVerdict: (pod: Pod) => ResizePending | undefined;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
}

/** How often a deferred resize is tried again (allocation_manager.go, retryPendingResizes). */
const RETRY_MS = 180_000;

export class PodResizer {
  readonly #options: ResizeOptions;
  /** What was allocated before the resize that is not allocated yet; absent when nothing waits. */
  #held: Allocation | undefined;
  #pending: ResizePending | undefined;
  /** It was allocated, and some container may still run with what it had before. */
  #isUnderWay = false;
  /** When a deferred resize is tried again, epoch ms of the clock; Infinity without any. */
  #retryAtMs = Infinity;

  /** A pod that ran before this process began has been allocated what its status says. */
  constructor(options: ResizeOptions, pod: Pod) {
    this.#options = options;
    if (pod.status?.containerStatuses !== undefined) this.#held = allocationReported(pod);
  }

  /** All containers run with what they have been allocated. */
  settled(pod: Pod): void {
    if (!this.#isUnderWay) return;
    this.#isUnderWay = false;
    this.#tell('normal', 'ResizeCompleted', pod, resizeMessage('completed', pod));
  }

  /** Why a resize waits. */
  get pending(): ResizePending | undefined {
    return this.#pending;
  }

  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  /** The pod was changed. */
  see(before: Pod, after: Pod): void {
    if (before.metadata.generation === after.metadata.generation) return;
    const differing = allocationBefore(withAllocation(before, this.#held), after);
    if (differing === undefined && this.#held === undefined) return;
    this.#held = differing;
    // Another resize is another question, and none is no question.
    this.#retryAtMs = differing === undefined ? Infinity : 0;
    if (differing === undefined) this.#pending = undefined;
  }

  /** A resize that was deferred is decided anew at the next look. */
  retry(): void {
    if (this.#pending?.reason === 'Deferred') this.#retryAtMs = 0;
  }

  /** The pod with what its containers have been allocated. */
  allocated(pod: Pod): Pod {
    return withAllocation(pod, this.#held);
  }

  /** The same, after allocating what the pod wants if there is room. */
  allocate(pod: Pod): Pod {
    if (this.#held === undefined) return pod;
    const nowMs = this.#options.clock.now();
    if (this.#pending === undefined || nowMs >= this.#retryAtMs) this.#decide(pod, nowMs);
    return withAllocation(pod, this.#held);
  }

  #decide(pod: Pod, nowMs: number): void {
    const before = this.#pending;
    const pending = this.#options.resizeVerdict(pod);
    this.#pending = pending;
    this.#retryAtMs = pending?.reason === 'Deferred' ? nowMs + RETRY_MS : Infinity;
    if (pending === undefined) {
      this.#held = undefined;
      this.#isUnderWay = true;
      this.#tell('normal', 'ResizeStarted', pod, resizeMessage('started', pod));
    } else if (before?.message !== pending.message) {
      const { reason, message } = pending;
      this.#tell('warning', `Resize${reason}`, pod, resizeMessage(reason, pod, message));
    }
  }

  #tell(type: 'normal' | 'warning', reason: string, pod: Pod, message: string): void {
    const recorder = this.#options.events(pod.spec.nodeName ?? '');
    recorder[type]({ resource: Pods, object: pod }, reason, message);
  }
}

/** Whether a container runs with other limits than it has been allocated. `pod`: as allocated. */
export function resizeInProgress({ spec }: Pod, { containers }: PodRecord): boolean {
  return containers.some((container) => {
    if (container.state !== 'CONTAINER_RUNNING') return false;
    const isNamed = ({ name }: { name: string }): boolean => name === container.name;
    const wanted = spec.containers.find(isNamed) ?? spec.initContainers?.find(isNamed);
    return wanted !== undefined && limitsDiffer(wanted, container);
  });
}
