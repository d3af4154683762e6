/** Starts one container of a pod: image, create, start, postStart hook, with the events people know (kuberuntime_container.go, startContainer). */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { containerSubject } from '../events/container-subject.ts';
import type { EnvironmentSource } from '../environment/environment.ts';
import type {
  CallContext,
  Container,
  ContainerConfig,
  ImageService,
  PodSandbox,
  RuntimeService,
} from '../runtime/runtime.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import { containerConfig, verifyRunAsNonRoot } from './container-config.ts';
import { killContainer } from './container-stop.ts';
import type { HookRunner } from './hooks.ts';
import type { ImagePuller } from './image-pull.ts';
import { StartFailure } from './start-failure.ts';

export interface ContainerStartOptions {
  /** The cluster's clock. */
  clock: Clock;
  runtime: RuntimeService;
  images: ImageService;
  volumes: VolumeManager;
  environment: EnvironmentSource;
  hooks: HookRunner;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
}

/** What a container is started from. */
export interface StartRequest {
  pod: Pod;
  spec: ContainerSpec;
  sandbox: PodSandbox;
  /** Its newest instance, of this or an earlier sandbox. */
  before: Container | undefined;
  puller: ImagePuller;
}

/**
 * Resolves when the container runs and its postStart hook is over. Rejects when the context is
 * aborted. @throws StartFailure when it could not be started
 */
export async function startContainer(
  options: ContainerStartOptions,
  request: StartRequest,
  context: CallContext,
): Promise<void> {
  const { runtime, events, images, clock } = options;
  const { pod, spec, sandbox, before, puller } = request;
  const { node } = sandbox;
  const recorder = events(node);
  const subject = containerSubject(pod, spec.name);
  try {
    await puller.ensureImage({ clock, images, node, recorder, subject }, spec, context);
    // What is left of a start that did not come through.
    if (before?.state === 'CONTAINER_CREATED') runtime.removeContainer(before.id);
    const config = configOf(options, request);
    const container = await create(options, sandbox, config);
    recorder.normal(subject, 'Created', `Created container: ${spec.name}`);
    await run(options, container, context);
    recorder.normal(subject, 'Started', `Started container ${spec.name}`);
    if (spec.lifecycle?.postStart !== undefined) await runPostStart(options, request, container, context);
  } catch (error) {
    // Of a hook that failed there is an event already.
    if (error instanceof StartFailure && error.reason !== 'PostStartHookError')
      recorder.warning(subject, 'Failed', `Error: ${eventText(error)}`);
    throw error;
  }
}

/** The event of a failed pull names the reason alone; the pull told the rest. */
function eventText({ reason, message }: StartFailure): string {
  switch (reason) {
    case 'CreateContainerConfigError':
    case 'CreateContainerError':
    case 'RunContainerError':
      return message;
    default:
      return reason;
  }
}

/** A start that never came to anything does not count as one. */
function nextAttempt(before: Container | undefined): number {
  if (before === undefined) return 0;
  return before.startedAtMs === undefined ? before.attempt : before.attempt + 1;
}

function configOf(
  { environment, volumes }: ContainerStartOptions,
  { pod, spec, sandbox, before }: StartRequest,
): ContainerConfig {
  try {
    verifyRunAsNonRoot(pod, spec);
    const variables = environment.variables(pod, spec, sandbox.ip);
    return containerConfig(pod, spec, {
      attempt: nextAttempt(before),
      variables,
      mounts: volumes.mountsOf(pod, spec, variables),
    });
  } catch (error) {
    throw new StartFailure('CreateContainerConfigError', (error as Error).message);
  }
}

async function create(
  { runtime }: ContainerStartOptions,
  { id }: PodSandbox,
  config: ContainerConfig,
): Promise<Container> {
  try {
    return await runtime.createContainer(id, config);
  } catch (error) {
    throw new StartFailure('CreateContainerError', (error as Error).message);
  }
}

async function run(
  { runtime }: ContainerStartOptions,
  { id }: Container,
  context: CallContext,
): Promise<void> {
  try {
    await runtime.startContainer(id, context);
  } catch (error) {
    if (context.signal.aborted) throw error;
    throw new StartFailure('RunContainerError', (error as Error).message);
  }
}

/** A container whose postStart hook fails is killed; its policy says what follows. */
async function runPostStart(
  options: ContainerStartOptions,
  { pod, spec }: StartRequest,
  container: Container,
  { signal, onWait }: CallContext,
): Promise<void> {
  const { hooks, events } = options;
  onWait();
  try {
    await hooks.run(pod, container, spec.lifecycle!.postStart!, signal);
    signal.throwIfAborted();
  } catch (error) {
    if (signal.aborted) throw error;
    const recorder = events(pod.spec.nodeName ?? '');
    recorder.warning(containerSubject(pod, spec.name), 'FailedPostStartHook', 'PostStartHook failed');
    await killContainer(options, { pod, spec, container, message: 'FailedPostStartHook', signal });
    throw new StartFailure('PostStartHookError', (error as Error).message);
  }
}
