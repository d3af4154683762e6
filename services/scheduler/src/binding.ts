/**
 * Binds one pod and finds out what became of it. The answer to a bind can get lost, and a
 * request whose answer is lost may still be carried out later. So after an unknown outcome
 * the pod is offered to the same node again and again and to no other, and what it was
 * assumed to take there stays taken, until the apiserver says what is the case. That way
 * a late request never puts a pod where its room was given away.
 */

import type { Pod } from '@orrery/api/gen/types.ts';
import { splitKey } from '@orrery/api/meta.ts';
import { Pods } from '@orrery/api/resources.ts';
import { isNotFound, StatusError } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isBound, type PodInfo } from './snapshot/pod-info.ts';

export type BindOutcome =
  | { readonly kind: 'bound' }
  /** The pod is not on this node and will not be through this binding. */
  | { readonly kind: 'refused'; readonly reason: string; readonly byConflict: boolean }
  /** Stopped before the outcome was known: it is for the next leader to find out. */
  | { readonly kind: 'abandoned' };

export interface BindOptions {
  client: Client;
  /** Real time: what is waited for is a connection, not the cluster. */
  retryClock: Clock;
  /** Whether a Node of that name exists, as far as is known. */
  nodeExists: (name: string) => boolean;
  /** Ends the search for an unknown outcome. */
  signal: AbortSignal;
}

const RETRY = { initialMs: 200, maxMs: 5_000 };

/** Where a pod really is. */
export type Whereabouts = { readonly nodeName: string } | 'unbound' | 'gone';

/** Asks the apiserver, not the cache. Rejects with a StatusError when there is no telling now. */
export async function locate(client: Client, { key, uid }: PodInfo): Promise<Whereabouts> {
  let pod: Pod;
  try {
    pod = await client.get(Pods, splitKey(key));
  } catch (error) {
    if (isNotFound(error)) return 'gone';
    throw error;
  }
  if (pod.metadata.uid !== uid) return 'gone';
  return isBound(pod) ? { nodeName: pod.spec.nodeName! } : 'unbound';
}

/** An answer of the server that it did not carry out the request; anything else leaves that open. */
export function isRefusal(error: unknown): error is StatusError {
  return error instanceof StatusError && error.code < 500;
}

/** Resolves once the outcome is known, or when stopped; never rejects. */
export async function bindPod(options: BindOptions, info: PodInfo, nodeName: string): Promise<BindOutcome> {
  const { client, retryClock, nodeExists, signal } = options;
  const name = { ...splitKey(info.key), uid: info.uid };
  for (let attempt = 0; ; attempt += 1) {
    try {
      await client.bind(name, nodeName);
      return { kind: 'bound' };
    } catch (error) {
      // The first refusal is about this request; a later one may only tell of the success of an earlier.
      if (attempt === 0 && isRefusal(error)) return refusedWith(error);
      const settled = isRefusal(error) ? refusedWith(error) : undefined;
      if (settled === undefined) await retryClock.sleep(backoffDelay(attempt, RETRY), signal);
      const found = await locateUntilKnown(options, info);
      if (found === undefined) return { kind: 'abandoned' };
      if (typeof found === 'object' && found.nodeName === nodeName) return { kind: 'bound' };
      if (settled !== undefined) return settled;
      if (found !== 'unbound')
        return { kind: 'refused', reason: 'the pod is gone or elsewhere', byConflict: true };
      if (!nodeExists(nodeName)) return { kind: 'refused', reason: 'the node is gone', byConflict: false };
    }
  }
}

function refusedWith(error: StatusError): BindOutcome {
  return {
    kind: 'refused',
    reason: error.message,
    byConflict: error.reason === 'Conflict' || isNotFound(error),
  };
}

/** Undefined when stopped. */
async function locateUntilKnown(
  { client, retryClock, signal }: BindOptions,
  info: PodInfo,
): Promise<Whereabouts | undefined> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return await locate(client, info);
    } catch {
      await retryClock.sleep(backoffDelay(attempt, RETRY), signal);
    }
  }
  return undefined;
}
