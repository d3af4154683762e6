/** Writes all the time and remembers what was acknowledged. */

import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { type Answer, Connection, readTarget } from '../support/connection.ts';

const PATH = '/api/v1/namespaces/default/configmaps';
const PERIOD_MS = 20;
const OBJECTS = 20;
const ANSWER_LIMIT_MS = 15_000;

/** A write that the server said it has carried out. */
export interface Acknowledged {
  key: string;
  count: number;
  revision: number;
}

/** Counts upwards in a set of ConfigMaps, one after the other. */
export class Writer {
  readonly #kubeconfig: string;
  readonly #signal: AbortSignal;
  /** The highest acknowledged count of each object, by name. */
  readonly #counts = new Map<string, number>();
  #acknowledged: Acknowledged[] = [];

  constructor(kubeconfig: string, signal: AbortSignal) {
    this.#kubeconfig = kubeconfig;
    this.#signal = signal;
  }

  /** Writes acknowledged since the last call, in order. */
  takeAcknowledged(): Acknowledged[] {
    const taken = this.#acknowledged;
    this.#acknowledged = [];
    return taken;
  }

  /** The highest acknowledged count of each object now, by name. */
  counts(): Map<string, number> {
    return new Map(this.#counts);
  }

  async run(): Promise<void> {
    let connection: Connection | undefined;
    for (let count = 1; !this.#signal.aborted; count += 1) {
      try {
        connection ??= await Connection.open(readTarget(this.#kubeconfig));
        await this.#write(connection, `written-${count % OBJECTS}`, count);
        await systemClock.sleep(PERIOD_MS, this.#signal);
      } catch {
        // No answer: the outcome is unknown, and the count goes on.
        connection?.close();
        connection = undefined;
        await systemClock.sleep(PERIOD_MS * 5, this.#signal);
      }
    }
    connection?.close();
  }

  async #write(connection: Connection, name: string, count: number): Promise<void> {
    const body = JSON.stringify({ metadata: { name }, data: { count: String(count) } });
    const known = this.#counts.has(name);
    const { code, body: answer } = await this.#answer(
      known
        ? connection.request('PATCH', `${PATH}/${name}`, body, 'application/merge-patch+json')
        : connection.request('POST', PATH, body),
    );
    // AlreadyExists: an earlier write without an answer was carried out after all.
    if (code === 409 && !known) {
      this.#counts.set(name, 0);
      return;
    }
    if (code >= 300) throw new Error(`answer ${code}`);
    const { metadata } = JSON.parse(answer.toString()) as ConfigMap;
    this.#counts.set(name, count);
    this.#acknowledged.push({ key: `default/${name}`, count, revision: Number(metadata.resourceVersion) });
  }

  async #answer(request: Promise<Answer>): Promise<Answer> {
    const answered = new AbortController();
    const signal = AbortSignal.any([answered.signal, this.#signal]);
    try {
      return await Promise.race([
        request,
        systemClock.sleep(ANSWER_LIMIT_MS, signal).then(() => Promise.reject(new Error('no answer'))),
      ]);
    } finally {
      answered.abort();
    }
  }
}

/** The objects whose stored count is lower than the one acknowledged before they were read. */
export function lostCounts(
  acknowledged: ReadonlyMap<string, number>,
  stored: readonly ConfigMap[],
): string[] {
  const counts = new Map(stored.map(({ metadata, data }) => [metadata.name, Number(data?.['count'])]));
  return [...acknowledged]
    .filter(([name, count]) => !((counts.get(name) ?? -1) >= count))
    .map(([name, count]) => `${name}: acknowledged ${count}, stored ${counts.get(name)}`);
}
