/** Events come from the profile that the pod names, as upstream's do. */

import type { Pod } from '@orrery/api/gen/types.ts';
import type { EventReporter } from '@orrery/client/event-recorder.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { DEFAULT_SCHEDULER_NAME } from './profile-config.ts';

export function recorderByProfile(
  schedulerNames: readonly string[],
  recorder: (reporter: EventReporter) => EventRecorder,
): EventRecorder {
  const byName = new Map(schedulerNames.map((name) => [name, recorder({ component: name })]));
  const fallback = byName.get(DEFAULT_SCHEDULER_NAME) ?? recorder({ component: DEFAULT_SCHEDULER_NAME });
  const of = ({ object }: Parameters<EventRecorder['normal']>[0]): EventRecorder =>
    byName.get((object as Partial<Pod>).spec?.schedulerName ?? '') ?? fallback;
  return {
    normal: (subject, ...event) => of(subject).normal(subject, ...event),
    warning: (subject, ...event) => of(subject).warning(subject, ...event),
  };
}
