/** Warns of annotations that cannot be used, by events on the pod. */

import { BEHAVIOR_ANNOTATION, behaviorProblems } from '@orrery/api/behavior.ts';
import type { Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Informer } from '@orrery/client/informer.ts';
import { usageProblems } from './usage.ts';

interface Check {
  reason: string;
  problemsOf: (pod: Pod) => readonly string[];
}

const CONTAINER_LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

function behaviorProblemsOf(pod: Pod): string[] {
  const names = CONTAINER_LISTS.flatMap((key) => (pod.spec[key] ?? []).map(({ name }) => name));
  return behaviorProblems(pod, names).map((problem) => `Annotation ${BEHAVIOR_ANNOTATION}: ${problem}`);
}

const CHECKS: readonly Check[] = [
  { reason: 'InvalidUsage', problemsOf: usageProblems },
  { reason: 'InvalidBehavior', problemsOf: behaviorProblemsOf },
];

/** Warns of each problem once when it is first seen, and when it changes. */
export function warnOfAnnotations(
  pods: Informer<Pod>,
  hostsNode: (node: string) => boolean,
  events: (node: string) => EventRecorder,
): void {
  const warn = (pod: Pod, before: Pod | undefined): void => {
    const node = pod.spec.nodeName;
    if (pod.metadata.annotations === undefined || node === undefined || !hostsNode(node)) return;
    for (const { reason, problemsOf } of CHECKS) {
      const problems = problemsOf(pod);
      if (problems.length === 0) continue;
      const known = before?.spec.nodeName === node ? problemsOf(before) : [];
      for (const problem of problems) {
        if (!known.includes(problem)) events(node).warning({ resource: Pods, object: pod }, reason, problem);
      }
    }
  };
  pods.addHandler({ add: (pod) => warn(pod, undefined), update: warn });
}
