/** Writes all the time and remembers what was acknowledged. */

import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { Connection, readTarget } from '../support/connection.ts';

const PATH = '/api/v1/namespaces/default/configmaps';
const PERIOD_MS = 20;
const OBJECTS = 20;
const ANSWER_LIMIT_MS = 15_000;

/** Counts upwards in a set of ConfigMaps, one after the other. */
export class Writer {
  readonly #kubeconfig: string;
  readonly #signal: AbortSignal;
  /** The highest acknowledged count of each object. */
  readonly #acknowledged = new Map<string, number>();

  constructor(kubeconfig: string, signal: AbortSignal) {
    this.#kubeconfig = kubeconfig;
    this.#signal = signal;
  }

  get acknowledged(): ReadonlyMap<string, number> {
    return this.#acknowledged;
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

  /** Objects whose stored count is lower than the acknowledged one. */
  lost(stored: readonly ConfigMap[]): string[] {
    const counts = new Map(stored.map(({ metadata, data }) => [metadata.name, Number(data?.['count'])]));
    return [...this.#acknowledged]
      .filter(([name, count]) => !((counts.get(name) ?? -1) >= count))
      .map(([name, count]) => `${name}: acknowledged ${count}, stored ${counts.get(name)}`);
  }

  async #write(connection: Connection, name: string, count: number): Promise<void> {
    const body = JSON.stringify({ metadata: { name }, data: { count: String(count) } });
    const known = this.#acknowledged.has(name);
    const request = known
      ? connection.request('PATCH', `${PATH}/${name}`, body, 'application/merge-patch+json')
      : connection.request('POST', PATH, body);
    const answer = await Promise.race([
      request,
      systemClock.sleep(ANSWER_LIMIT_MS, this.#signal).then(() => {
        throw new Error('no answer');
      }),
    ]);
    // AlreadyExists: an earlier write without an answer was carried out after all.
    if (answer.code === 409 && !known) this.#acknowledged.set(name, 0);
    else if (answer.code < 300) this.#acknowledged.set(name, count);
    else throw new Error(`answer ${answer.code}`);
  }
}
