/** How a Job has ended, as those around it ask (pkg/controller/job, IsJobFinished). */

import type { Job, JobCondition } from '@orrery/api/gen/types.ts';

/** The condition that says that the Job is over; undefined while it is not. */
export function finishedCondition({ status }: Job): JobCondition | undefined {
  return status?.conditions?.find(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
}
