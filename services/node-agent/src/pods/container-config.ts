/** What the runtime is told of a pod and its containers (kuberuntime_sandbox.go, kuberuntime_container.go). */

import { behaviorOf } from '@orrery/api/behavior.ts';
import type {
  Container as ContainerSpec,
  Pod,
  PodSecurityContext,
  ResourceRequirements,
} from '@orrery/api/gen/types.ts';
import { milliValue, wholeValue } from '@orrery/api/quantity.ts';
import { expandVariables } from '../environment/expansion.ts';
import type { DnsConfig, HostAlias } from '../network/network.ts';
import { runsAsRoot } from '../process/images/catalog.ts';
import type { ResourceLimits } from '../process/usage.ts';
import type { ContainerConfig, Mount, PodSandboxConfig } from '../runtime/runtime.ts';
import { isSidecar } from './restart-policy.ts';

/** Where the kubelet looks for last words unless the container says otherwise. */
const TERMINATION_MESSAGE_PATH = '/dev/termination-log';

const CLUSTER_DOMAIN = 'cluster.local';
const MAX_HOSTNAME_LENGTH = 63;

const NO_ALIASES: readonly HostAlias[] = [];

/** The name that the pod goes by: its own, cut to what a host may be called (GeneratePodHostNameAndDomain). */
function hostnameOf({ metadata, spec }: Pod, node: string): string {
  if (spec.hostNetwork === true) return node;
  const name = spec.hostname ?? metadata.name;
  return name.length <= MAX_HOSTNAME_LENGTH ? name : name.slice(0, MAX_HOSTNAME_LENGTH).replace(/[-.]+$/, '');
}

export function sandboxConfig(pod: Pod, node: string, attempt: number, dns: DnsConfig): PodSandboxConfig {
  const { uid, namespace, name } = pod.metadata;
  const { hostNetwork, subdomain, hostAliases, shareProcessNamespace } = pod.spec;
  const hostname = hostnameOf(pod, node);
  return {
    node,
    namespace,
    name,
    uid,
    attempt,
    hostNetwork: hostNetwork === true,
    ...(shareProcessNamespace === true ? { sharesProcesses: true } : {}),
    hostname,
    ...(subdomain === undefined
      ? {}
      : { fqdn: `${hostname}.${subdomain}.${namespace}.svc.${CLUSTER_DOMAIN}` }),
    dns,
    hostAliases: hostAliases?.map(({ ip, hostnames = [] }) => ({ ip: ip ?? '', hostnames })) ?? NO_ALIASES,
  };
}

export function resourceLimits({ limits }: ResourceRequirements = {}): ResourceLimits {
  const cpu = limits?.['cpu'];
  const memory = limits?.['memory'];
  return {
    ...(cpu === undefined ? {} : { cpuLimitMilli: milliValue(cpu) }),
    ...(memory === undefined ? {} : { memoryLimitBytes: wholeValue(memory) }),
  };
}

/** Whether a container in which nothing is known to run ends by itself. */
function runsToCompletion({ spec }: Pod, name: string): boolean {
  const init = spec.initContainers?.find((each) => each.name === name);
  return init !== undefined && !isSidecar(init);
}

const NO_WORDS: readonly string[] = [];

export interface ContainerSurroundings {
  attempt: number;
  variables: readonly (readonly [name: string, value: string])[];
  mounts: readonly Mount[];
}

/** The groups beside the first: those that the pod names, and the one that owns its volumes. */
function supplementaryGroups({ supplementalGroups = [], fsGroup }: PodSecurityContext): {
  groups?: number[];
} {
  const groups = fsGroup === undefined ? supplementalGroups : [...supplementalGroups, fsGroup];
  return groups.length === 0 ? {} : { groups };
}

/** Whose processes an ephemeral container sees (`kubectl debug --target`). */
function processesOf({ spec }: Pod, name: string): { processesOf?: string } {
  const target = spec.ephemeralContainers?.find((each) => each.name === name)?.targetContainerName;
  return target === undefined || target === '' ? {} : { processesOf: target };
}

/** The user of an image that is taken to have one, as distroless images name it. */
const NOBODY_KNOWN = 65_532;

/**
 * Holds a container to `runAsNonRoot` (kuberuntime, verifyRunAsNonRoot). An image of which nothing
 * is known is taken to have a user of its own. @throws Error in the kubelet's words
 */
export function verifyRunAsNonRoot(pod: Pod, { name, image, securityContext }: ContainerSpec): void {
  const { runAsNonRoot, runAsUser } = { ...pod.spec.securityContext, ...securityContext };
  if (runAsNonRoot !== true) return;
  const { metadata } = pod;
  const where = `(pod: "${metadata.name}_${metadata.namespace}(${metadata.uid})", container: ${name})`;
  if (runAsUser === 0) throw new Error(`container's runAsUser breaks non-root policy ${where}`);
  if (runAsUser === undefined && runsAsRoot(image ?? ''))
    throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
}

export function containerConfig(
  pod: Pod,
  spec: ContainerSpec,
  { attempt, variables, mounts }: ContainerSurroundings,
): ContainerConfig {
  let known: ReadonlyMap<string, string> | undefined;
  const valueOf = (name: string): string | undefined => (known ??= new Map(variables)).get(name);
  const expand = (words: readonly string[] | undefined): readonly string[] =>
    words?.map((word) => expandVariables(word, valueOf)) ?? NO_WORDS;
  const behavior = behaviorOf(pod, spec.name);
  const context = { ...pod.spec.securityContext, ...spec.securityContext };
  return {
    name: spec.name,
    image: spec.image ?? '',
    attempt,
    command: expand(spec.command),
    args: expand(spec.args),
    workingDir: spec.workingDir ?? '',
    env: variables,
    mounts,
    limits: resourceLimits(spec.resources),
    ...processesOf(pod, spec.name),
    ...(behavior === undefined ? {} : { behavior }),
    stdin: spec.stdin === true,
    stdinOnce: spec.stdinOnce === true,
    tty: spec.tty === true,
    uid: context.runAsUser ?? (context.runAsNonRoot === true ? NOBODY_KNOWN : 0),
    gid: context.runAsGroup ?? 0,
    ...supplementaryGroups(context),
    ...(context.readOnlyRootFilesystem === true ? { readonlyRootfs: true } : {}),
    runsToCompletion: runsToCompletion(pod, spec.name),
    terminationMessagePath: spec.terminationMessagePath ?? TERMINATION_MESSAGE_PATH,
    terminationMessagePolicy:
      spec.terminationMessagePolicy === 'FallbackToLogsOnError' ? 'FallbackToLogsOnError' : 'File',
  };
}
