/** Has the image of a container on its node before the container is made (pkg/kubelet/images/image_manager.go). */

import type { Container as ContainerSpec } from '@orrery/api/gen/types.ts';
import type { EventRecorder, EventSubject } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { ImageError } from '../runtime/images.ts';
import type { CallContext, ImageService } from '../runtime/runtime.ts';
import { Backoff } from './backoff.ts';
import { formatDuration } from './duration.ts';
import { StartFailure } from './start-failure.ts';

/** Before a failed pull is tried again; doubles up to MAX_BACKOFF_MS. */
const INITIAL_BACKOFF_MS = 10_000;

/**
 * How long a failed pull shows as ErrImagePull before it shows as ImagePullBackOff: upstream's
 * next look at the pod is about a second away.
 */
const SHOWN_AS_FAILED_MS = 1_000;

export interface ImagePullOptions {
  clock: Clock;
  images: ImageService;
  node: string;
  recorder: EventRecorder;
  subject: EventSubject;
}

/** The failed pulls of one pod. */
export class ImagePuller {
  /** Absent while no pull has failed. */
  #backoff: Backoff | undefined;
  /** By image: when the last try failed, and what it said. */
  #failures: Map<string, { atMs: number; message: string; told: boolean }> | undefined;

  /** Resolves when the image is on the node. @throws StartFailure */
  async ensureImage(options: ImagePullOptions, spec: ContainerSpec, context: CallContext): Promise<void> {
    const { recorder, subject } = options;
    const image = spec.image ?? '';
    if (this.#isPresent(options, image) && spec.imagePullPolicy !== 'Always') {
      recorder.normal(subject, 'Pulled', `Container image "${image}" already present on machine`);
      return;
    }
    if (spec.imagePullPolicy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      recorder.warning(subject, 'ErrImageNeverPull', message);
      throw new StartFailure('ErrImageNeverPull', message);
    }
    this.#holdBack(options, image);
    await this.#pull(options, image, context);
  }

  #isPresent({ images, node, recorder, subject }: ImagePullOptions, image: string): boolean {
    try {
      return images.imageStatus(node, image) !== undefined;
    } catch (error) {
      const message = `Failed to apply default image tag "${image}": ${(error as Error).message}`;
      recorder.warning(subject, 'InspectFailed', message);
      throw new StartFailure('InvalidImageName', message);
    }
  }

  /** @throws StartFailure while the last failure is too recent. */
  #holdBack({ clock, recorder, subject }: ImagePullOptions, image: string): void {
    const failure = this.#failures?.get(image);
    if (failure === undefined) return;
    const endsAtMs = this.#backoff!.endsAtMs(image, failure.atMs);
    if (endsAtMs <= clock.now()) return;
    const message = `Back-off pulling image "${image}"`;
    if (!failure.told) recorder.normal(subject, 'BackOff', message);
    failure.told = true;
    throw new StartFailure('ImagePullBackOff', `${message}: ${failure.message}`, endsAtMs);
  }

  async #pull(options: ImagePullOptions, image: string, context: CallContext): Promise<void> {
    const { clock, images, node, recorder, subject } = options;
    recorder.normal(subject, 'Pulling', `Pulling image "${image}"`);
    const beganMs = clock.now();
    let sizeBytes: number;
    try {
      ({ sizeBytes } = await images.pullImage(node, image, context));
    } catch (error) {
      if (context.signal.aborted) throw error;
      throw this.#failed(options, image, error as Error);
    }
    this.#failures?.delete(image);
    const took = formatDuration(clock.now() - beganMs);
    recorder.normal(
      subject,
      'Pulled',
      `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${sizeBytes} bytes.`,
    );
  }

  #failed({ clock, recorder, subject }: ImagePullOptions, image: string, error: Error): StartFailure {
    const atMs = clock.now();
    const reason = error instanceof ImageError ? error.reason : 'ErrImagePull';
    recorder.warning(subject, 'Failed', `Failed to pull image "${image}": ${error.message}`);
    this.#backoff ??= new Backoff(INITIAL_BACKOFF_MS);
    this.#backoff.next(image, atMs, atMs);
    this.#failures ??= new Map();
    this.#failures.set(image, { atMs, message: `${reason}: ${error.message}`, told: false });
    return new StartFailure(reason, error.message, atMs + SHOWN_AS_FAILED_MS);
  }
}
