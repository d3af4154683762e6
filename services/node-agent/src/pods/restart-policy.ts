/** Whether a container that ended is started again (pkg/api/v1/pod/util.go, ContainerShouldRestart). Pure. */

import type { Container as ContainerSpec, ContainerRestartRule, Pod } from '@orrery/api/gen/types.ts';

/** A sidecar: an init container that goes on running beside the others (KEP-753). */
export function isSidecar({ restartPolicy }: ContainerSpec): boolean {
  return restartPolicy === 'Always';
}

/** Its own policy goes before that of the pod. */
function policyOf({ spec }: Pod, container: ContainerSpec): string {
  return container.restartPolicy ?? spec.restartPolicy ?? 'Always';
}

function ruleMatches({ action, exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (action !== 'Restart' || exitCodes === undefined) return false;
  const isNamed = exitCodes.values?.includes(exitCode) === true;
  return exitCodes.operator === 'In' ? isNamed : exitCodes.operator === 'NotIn' && !isNamed;
}

/** After it ended with this exit code; its rules go before its policy (KEP-5307). */
export function restartsAfter(pod: Pod, container: ContainerSpec, exitCode: number): boolean {
  if (container.restartPolicyRules?.some((rule) => ruleMatches(rule, exitCode)) === true) return true;
  const policy = policyOf(pod, container);
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** After it was killed for a failed probe, which counts as a failure whatever its exit code; rules do not apply. */
export function restartsOnFailure(pod: Pod, container: ContainerSpec): boolean {
  return policyOf(pod, container) !== 'Never';
}
