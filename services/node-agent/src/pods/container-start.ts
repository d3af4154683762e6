/** Starts one container of a pod: image, create, start, with the events people know (kuberuntime_container.go, image_manager.go). */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { EventRecorder, EventSubject } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { CallContext, Container, ImageService, PodSandbox, RuntimeService } from '../runtime/runtime.ts';
import type { EnvironmentSource } from '../environment/environment.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import { latest } from './actions.ts';
import { containerConfig } from './container-config.ts';
import { formatDuration } from './duration.ts';

export interface ContainerStartOptions {
  /** The cluster's clock. */
  clock: Clock;
  runtime: RuntimeService;
  images: ImageService;
  volumes: VolumeManager;
  environment: EnvironmentSource;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
}

/** A container of a pod as the subject of events. */
export function containerSubject(pod: Pod, name: string): EventSubject {
  const isInit = pod.spec.initContainers?.some((each) => each.name === name) === true;
  const fieldPath = `spec.${isInit ? 'initContainers' : 'containers'}{${name}}`;
  return { resource: Pods, object: pod, fieldPath };
}

/** Resolves when the container runs. Rejects when the context is aborted. */
export async function startContainer(
  options: ContainerStartOptions,
  pod: Pod,
  spec: ContainerSpec,
  sandbox: PodSandbox,
  context: CallContext,
): Promise<void> {
  const { runtime, events, volumes, environment } = options;
  const recorder = events(sandbox.node);
  const subject = containerSubject(pod, spec.name);
  await ensureImage(options, spec, sandbox.node, subject, context);
  const before = latest(runtime.listContainers({ podSandboxId: sandbox.id }), spec.name);
  // What is left of a start that did not come through.
  if (before?.state === 'CONTAINER_CREATED') runtime.removeContainer(before.id);
  const config = containerConfig(pod, spec, {
    attempt: nextAttempt(before),
    variables: environment.variables(pod, spec, sandbox.ip),
    mounts: volumes.mountsOf(pod, spec),
  });
  const container = await runtime.createContainer(sandbox.id, config);
  recorder.normal(subject, 'Created', `Created container: ${spec.name}`);
  await runtime.startContainer(container.id, context);
  recorder.normal(subject, 'Started', `Started container ${spec.name}`);
}

/** A start that never came to anything does not count as one. */
function nextAttempt(before: Container | undefined): number {
  if (before === undefined) return 0;
  return before.startedAtMs === undefined ? before.attempt : before.attempt + 1;
}

async function ensureImage(
  { images, events, clock }: ContainerStartOptions,
  spec: ContainerSpec,
  node: string,
  subject: EventSubject,
  context: CallContext,
): Promise<void> {
  const recorder = events(node);
  const image = spec.image ?? '';
  if (spec.imagePullPolicy !== 'Always' && images.imageStatus(node, image) !== undefined) {
    recorder.normal(subject, 'Pulled', `Container image "${image}" already present on machine`);
    return;
  }
  recorder.normal(subject, 'Pulling', `Pulling image "${image}"`);
  const beganMs = clock.now();
  const { sizeBytes } = await images.pullImage(node, image, context);
  const took = formatDuration(clock.now() - beganMs);
  recorder.normal(
    subject,
    'Pulled',
    `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${sizeBytes} bytes.`,
  );
}
