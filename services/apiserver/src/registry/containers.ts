/** Containers of pods: regular, init and ephemeral. */

import type { Container, ContainerPort, ContainerResizePolicy, PodSpec } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkEnv, checkEnvFrom } from './env.ts';
import { checkOneOf, checkOptionalOneOf, checkPortNumber, checkRequired } from './fields.ts';
import { dnsLabelProblems, portNameProblems } from './names.ts';
import { checkLifecycle, checkProbes } from './probes.ts';
import { checkContainerResources } from './resources.ts';
import { checkContainerSecurityContext } from './security-context.ts';
import { checkVolumeDevices, checkVolumeMounts } from './volume-mounts.ts';
import type { VolumesByName } from './volumes.ts';

/** What of the pod the containers refer to. */
export interface ContainerSurroundings {
  spec: PodSpec;
  volumes: VolumesByName;
  /** Names of the pod's resource claims. */
  claims: ReadonlySet<string>;
}

export const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];

/** An init container that keeps running: a sidecar (KEP-753). */
export function isSidecar(container: Container | undefined): boolean {
  return container?.restartPolicy === 'Always';
}

/** Everything that all sorts of containers have in common. */
function checkContainer(
  container: Container,
  { spec, volumes, claims }: ContainerSurroundings,
  path: string,
  errors: FieldError[],
): void {
  checkRequired(container.name, `${path}.name`, dnsLabelProblems, errors);
  if ((container.image ?? '') === '') errors.push(field.required(`${path}.image`));
  checkOneOf(
    container.terminationMessagePolicy,
    `${path}.terminationMessagePolicy`,
    ['File', 'FallbackToLogsOnError'],
    errors,
  );
  checkPorts(container.ports, `${path}.ports`, errors);
  checkEnv(container.env, `${path}.env`, errors);
  checkEnvFrom(container.envFrom, `${path}.envFrom`, errors);
  checkVolumeMounts(container, volumes, `${path}.volumeMounts`, errors);
  checkVolumeDevices(container, volumes, `${path}.volumeDevices`, errors);
  checkOneOf(container.imagePullPolicy, `${path}.imagePullPolicy`, PULL_POLICIES, errors);
  checkContainerResources(container.resources, claims, `${path}.resources`, errors);
  checkResizePolicy(container.resizePolicy, spec.restartPolicy, `${path}.resizePolicy`, errors);
  checkContainerSecurityContext(
    container.securityContext,
    spec.hostUsers !== false,
    `${path}.securityContext`,
    errors,
  );
}

function checkPorts(ports: readonly ContainerPort[] | undefined, path: string, errors: FieldError[]): void {
  if (ports === undefined) return;
  const names = new Set<string>();
  for (const [index, { name = '', containerPort = 0, hostPort = 0, protocol }] of ports.entries()) {
    const at = `${path}[${index}]`;
    if (name !== '') {
      const problems = portNameProblems(name);
      for (const problem of problems) errors.push(field.invalid(`${at}.name`, name, problem));
      if (problems.length === 0 && names.has(name)) errors.push(field.duplicate(`${at}.name`, name));
      names.add(name);
    }
    if (containerPort === 0) errors.push(field.required(`${at}.containerPort`));
    else checkPortNumber(containerPort, `${at}.containerPort`, errors);
    if (hostPort !== 0) checkPortNumber(hostPort, `${at}.hostPort`, errors);
    checkOneOf(protocol, `${at}.protocol`, PROTOCOLS, errors);
  }
}

function checkResizePolicy(
  policies: readonly ContainerResizePolicy[] | undefined,
  podRestartPolicy: string | undefined,
  path: string,
  errors: FieldError[],
): void {
  const seen = new Set<string>();
  for (const [index, { resourceName, restartPolicy }] of (policies ?? []).entries()) {
    if (seen.has(resourceName)) errors.push(field.duplicate(`${path}[${index}]`, resourceName));
    seen.add(resourceName);
    checkOneOf(resourceName, path, ['cpu', 'memory'], errors);
    checkOneOf(restartPolicy, path, ['NotRequired', 'RestartContainer'], errors);
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      const why = "must be 'NotRequired' when `restartPolicy` is 'Never'";
      errors.push(field.invalid(path, restartPolicy, why));
    }
  }
}

/** No two containers that run at the same time may take one port of the host. */
function checkHostPorts(containers: readonly Container[], path: string, errors: FieldError[]): void {
  let seen: Set<string> | undefined;
  for (const [index, { ports = [] }] of containers.entries()) {
    for (const [at, { hostPort = 0, hostIP = '', protocol = '' }] of ports.entries()) {
      if (hostPort === 0) continue;
      seen ??= new Set();
      const port = `${protocol}/${hostIP}/${hostPort}`;
      if (seen.has(port)) errors.push(field.duplicate(`${path}[${index}].ports[${at}].hostPort`, port));
      seen.add(port);
    }
  }
}

export function checkContainers(
  surroundings: ContainerSurroundings,
  path: string,
  errors: FieldError[],
): void {
  const { containers, terminationGracePeriodSeconds } = surroundings.spec;
  if (containers.length === 0) {
    errors.push(field.required(path));
    return;
  }
  const names = new Set<string>();
  for (const [index, container] of containers.entries()) {
    const at = `${path}[${index}]`;
    checkContainer(container, surroundings, at, errors);
    if (names.has(container.name)) errors.push(field.duplicate(`${at}.name`, container.name));
    names.add(container.name);
    checkLifecycle(container.lifecycle, terminationGracePeriodSeconds, `${at}.lifecycle`, errors);
    checkProbes(container, at, errors);
    checkRestartPolicy(container, at, errors);
  }
  checkHostPorts(containers, path, errors);
}

const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
const MAX_RESTART_RULES = 20;
const MAX_EXIT_CODES = 255;

/**
 * The restart policy of one container, and what it does by exit code (KEP-5307). Upstream's gate
 * ContainerRestartRules is open here.
 */
function checkRestartPolicy(
  { restartPolicy, restartPolicyRules: rules = [] }: Container,
  path: string,
  errors: FieldError[],
): void {
  if (restartPolicy !== undefined) {
    checkOptionalOneOf(restartPolicy, `${path}.restartPolicy`, RESTART_POLICIES, errors);
  } else if (rules.length > 0) {
    const why = 'must specify restartPolicy when restart rules are used';
    errors.push(field.required(`${path}.restartPolicy`, why));
  }
  if (rules.length > MAX_RESTART_RULES) {
    errors.push(field.tooMany(`${path}.restartPolicyRules`, rules.length, MAX_RESTART_RULES));
  }
  for (const [index, { action = '', exitCodes }] of rules.entries()) {
    const at = `${path}.restartPolicyRules[${index}]`;
    checkOptionalOneOf(action, `${at}.action`, ['Restart'], errors);
    if (exitCodes === undefined) {
      errors.push(field.required(`${at}.exitCodes`, 'must be specified'));
      continue;
    }
    const { operator = '', values = [] } = exitCodes;
    checkOptionalOneOf(operator, `${at}.exitCodes.operator`, ['In', 'NotIn'], errors);
    if (values.length > MAX_EXIT_CODES) {
      errors.push(field.tooMany(`${at}.exitCodes.values`, values.length, MAX_EXIT_CODES));
    }
  }
}

const ONLY_FOR_SIDECARS = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;

/** Init containers run one by one; only sidecars live long enough for probes and hooks. */
export function checkInitContainers(
  surroundings: ContainerSurroundings,
  path: string,
  errors: FieldError[],
): void {
  const { initContainers = [], containers, terminationGracePeriodSeconds } = surroundings.spec;
  if (initContainers.length === 0) return;
  const names = new Set(containers.map((each) => each.name));
  for (const [index, container] of initContainers.entries()) {
    const at = `${path}[${index}]`;
    checkContainer(container, surroundings, at, errors);
    checkRestartPolicy(container, at, errors);
    if (names.has(container.name)) errors.push(field.duplicate(`${at}.name`, container.name));
    names.add(container.name);
    checkHostPorts([container], path, errors);
    if (isSidecar(container)) {
      checkLifecycle(container.lifecycle, terminationGracePeriodSeconds, `${at}.lifecycle`, errors);
      checkProbes(container, at, errors);
      continue;
    }
    for (const key of ONLY_FOR_SIDECARS) {
      if (container[key] === undefined) continue;
      errors.push(
        field.forbidden(`${at}.${key}`, 'may not be set for init containers without restartPolicy=Always'),
      );
    }
  }
}

const NOT_FOR_EPHEMERAL = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
] as const;

/** Ephemeral containers are for looking around: nothing may be relied upon (KEP-277). */
export function checkEphemeralContainers(
  surroundings: ContainerSurroundings,
  path: string,
  errors: FieldError[],
): void {
  const { ephemeralContainers = [], containers, initContainers = [] } = surroundings.spec;
  if (ephemeralContainers.length === 0) return;
  const others = new Set([...containers, ...initContainers].map((each) => each.name));
  const names = new Set(others);
  for (const [index, container] of ephemeralContainers.entries()) {
    const at = `${path}[${index}]`;
    checkContainer(container, surroundings, at, errors);
    if (names.has(container.name)) errors.push(field.duplicate(`${at}.name`, container.name));
    names.add(container.name);
    const target = container.targetContainerName ?? '';
    if (target !== '' && !others.has(target))
      errors.push(field.notFound(`${at}.targetContainerName`, target));
    for (const key of NOT_FOR_EPHEMERAL) {
      if (container[key] !== undefined) {
        errors.push(field.forbidden(`${at}.${key}`, 'cannot be set for an Ephemeral Container'));
      }
    }
    if (Object.keys(container.resources ?? {}).length > 0) {
      errors.push(field.forbidden(`${at}.resources`, 'cannot be set for an Ephemeral Container'));
    }
    for (const [mountIndex, mount] of (container.volumeMounts ?? []).entries()) {
      for (const key of ['subPath', 'subPathExpr'] as const) {
        if ((mount[key] ?? '') === '') continue;
        const where = `${at}.volumeMounts[${mountIndex}].${key}`;
        errors.push(field.forbidden(where, 'cannot be set for an Ephemeral Container'));
      }
    }
  }
}

/** Pods, unlike templates, may not have white space around an image. */
export function checkImageSpaces(
  containers: readonly Container[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, { image = '' }] of (containers ?? []).entries()) {
    if (image.trim() !== image) {
      errors.push(
        field.invalid(`${path}[${index}].image`, image, 'must not have leading or trailing whitespace'),
      );
    }
  }
}
