/** Events about objects, as `kubectl describe` shows them (k8s.io/client-go/tools/record). */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';

/** What an event is about. */
export interface EventSubject {
  resource: ResourceRef;
  object: Pick<KubeObject, 'metadata'>;
  /** Which part of it, for instance `spec.containers{web}`. */
  fieldPath?: string;
}

/**
 * Records events without ever failing or holding up its caller: they are written in the
 * background, repeats are counted in one Event, and beyond the limits they are dropped.
 */
export interface EventRecorder {
  normal(subject: EventSubject, reason: string, message: string): void;
  warning(subject: EventSubject, reason: string, message: string): void;
}
