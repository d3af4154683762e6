/** Tokens of service accounts for the pods of this agent (pkg/kubelet/token, token_manager.go). */

import type { Pod, ServiceAccountTokenProjection } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Clock } from '@orrery/kit/clock.ts';

interface KnownToken {
  readonly token: string;
  readonly refreshAtMs: number;
}

/** When a token is renewed: at so much of its life, and once a day. */
const REFRESH_AT = 0.8;
const MAX_AGE_MS = 24 * 3_600_000;
const DEFAULT_SECONDS = 3_600;

export class ServiceAccountTokens {
  readonly #client: Pick<Client, 'createToken'>;
  readonly #clock: Clock;
  /** By pod, then by what was asked for. */
  readonly #known = new Map<string, Map<string, KnownToken>>();
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(client: Pick<Client, 'createToken'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The token, if there is one: it may be due. */
  get({ metadata }: Pod, projection: ServiceAccountTokenProjection): string | undefined {
    return this.#known.get(metadata.uid)?.get(keyOf(projection))?.token;
  }

  /** Whether there is none, or it is time for another. */
  isDue({ metadata }: Pod, projection: ServiceAccountTokenProjection): boolean {
    const known = this.#known.get(metadata.uid)?.get(keyOf(projection));
    return known === undefined || known.refreshAtMs <= this.#clock.now();
  }

  /** Asks for another; who asks while that is under way waits for the same. @throws StatusError */
  fetch(pod: Pod, projection: ServiceAccountTokenProjection): Promise<void> {
    const key = `${pod.metadata.uid} ${keyOf(projection)}`;
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const fetch = this.#fetch(pod, projection).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, fetch);
    return fetch;
  }

  async #fetch(pod: Pod, projection: ServiceAccountTokenProjection): Promise<void> {
    const { namespace = '', name, uid } = pod.metadata;
    const { audience, expirationSeconds = DEFAULT_SECONDS } = projection;
    const fetchedAtMs = this.#clock.now();
    const { token, expirationTimestamp } = await this.#client.createToken(
      namespace,
      pod.spec.serviceAccountName ?? 'default',
      {
        ...(audience === undefined || audience === '' ? {} : { audiences: [audience] }),
        expirationSeconds,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
      },
    );
    const lifeMs = parseTime(expirationTimestamp) - fetchedAtMs;
    const ofPod = this.#known.get(uid) ?? new Map<string, KnownToken>();
    this.#known.set(uid, ofPod);
    ofPod.set(keyOf(projection), {
      token,
      refreshAtMs: fetchedAtMs + Math.min(lifeMs * REFRESH_AT, MAX_AGE_MS),
    });
  }

  forget(podUid: string): void {
    this.#known.delete(podUid);
  }
}

function keyOf({
  audience = '',
  expirationSeconds = DEFAULT_SECONDS,
}: ServiceAccountTokenProjection): string {
  return `${expirationSeconds} ${audience}`;
}
