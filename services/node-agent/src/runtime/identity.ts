/** The identities of sandboxes and containers: 64 hexadecimal digits that follow from what they are. */

import { createHash } from 'node:crypto';
import type { ContainerConfig, PodSandboxConfig } from './runtime.ts';

function idFrom(seed: string): string {
  return createHash('sha256').update(seed).digest('hex');
}

/** The same for the same sandbox whoever asks: a sandbox has its identity from its pod and its number. */
export function sandboxId({ uid, attempt }: Pick<PodSandboxConfig, 'uid' | 'attempt'>): string {
  return idFrom(`${uid}/${attempt}`);
}

/**
 * The identity of a container: its sandbox, name and attempt. An agent that starts it again because the one before died
 * before it could say that it had, starts the same container, as a real runtime would find it by its name.
 */
export function containerId(
  podSandboxId: string,
  { name, attempt }: Pick<ContainerConfig, 'name' | 'attempt'>,
): string {
  return idFrom(`${podSandboxId}/${name}/${attempt}`);
}
