/**
 * `orrery.dev/behavior`: what the containers of a pod do, told by annotation instead of by their
 * image. YAML; a map from container name to a Behavior.
 */

/** What one container does. */
export interface Behavior {
  /** Exits by itself after so long, in seconds of the cluster's clock. */
  runSeconds?: number;
  exitCode?: number;
}

export const BEHAVIOR_ANNOTATION = 'orrery.dev/behavior';
