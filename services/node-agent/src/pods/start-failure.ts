/** Why a container could not be started (kuberuntime and images errors). */

/** The reasons that a waiting container shows. */
export type StartFailureReason =
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'CreateContainerConfigError'
  | 'CreateContainerError'
  | 'RunContainerError'
  | 'PostStartHookError'
  | 'CrashLoopBackOff';

/** What a container waits for. */
export interface Waiting {
  reason: string;
  message: string;
  /** Try again then, epoch ms of the cluster's clock. */
  untilMs: number;
  /** Of the container when it failed: another one is tried at once. */
  image: string | undefined;
}

export const NOTHING_WAITS: ReadonlyMap<string, Waiting> = new Map();

/** Thrown by a start that came to nothing. The pod goes on; the container waits with this reason. */
export class StartFailure extends Error {
  readonly reason: StartFailureReason;
  /** When it is worth another try, epoch ms of the cluster's clock; absent when any later look may try. */
  readonly retryAtMs: number | undefined;

  constructor(reason: StartFailureReason, message: string, retryAtMs?: number) {
    super(message);
    this.name = 'StartFailure';
    this.reason = reason;
    this.retryAtMs = retryAtMs;
  }
}
