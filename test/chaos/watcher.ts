/** A client's view of one resource: lists once, then watches for ever, as an informer does. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { Connection, readTarget } from '../support/connection.ts';

export interface SeenEvent {
  type: string;
  /** namespace/name */
  key: string;
  revision: number;
}

interface WatchLine {
  type: string;
  object: KubeObject & { code?: number };
}

const RETRY_MS = 100;

export class Watcher {
  readonly #kubeconfig: string;
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #objects = new Map<string, KubeObject>();
  #events: SeenEvent[] = [];
  #revision = 0;
  #relists = 0;
  readonly #onObject: (object: KubeObject) => void;

  /** `path`: the collection's URL path. Runs until the signal aborts. */
  constructor(
    kubeconfig: string,
    path: string,
    signal: AbortSignal,
    onObject: (object: KubeObject) => void = () => undefined,
  ) {
    this.#kubeconfig = kubeconfig;
    this.#path = path;
    this.#signal = signal;
    this.#onObject = onObject;
  }

  /** The state as this client knows it, by key. */
  get objects(): ReadonlyMap<string, KubeObject> {
    return this.#objects;
  }

  get revision(): number {
    return this.#revision;
  }

  /** How often it was told 410 and listed anew. */
  get relists(): number {
    return this.#relists;
  }

  /** Events seen since the last call, in order. */
  takeEvents(): SeenEvent[] {
    const taken = this.#events;
    this.#events = [];
    return taken;
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        if (this.#revision === 0) await this.#list();
        await this.#watch();
      } catch {
        // The server is away: a client tries again.
      }
      await systemClock.sleep(RETRY_MS, this.#signal);
    }
  }

  async #list(): Promise<void> {
    const connection = await Connection.open(readTarget(this.#kubeconfig));
    try {
      const { code, body } = await connection.request('GET', this.#path);
      if (code !== 200) throw new Error(`list: ${code}`);
      const list = JSON.parse(body.toString()) as {
        metadata: { resourceVersion: string };
        items: KubeObject[];
      };
      this.#objects.clear();
      for (const item of list.items) this.#keep(item);
      this.#revision = Number(list.metadata.resourceVersion);
    } finally {
      connection.close();
    }
  }

  async #watch(): Promise<void> {
    const connection = await Connection.open(readTarget(this.#kubeconfig));
    const stop = (): void => connection.close();
    this.#signal.addEventListener('abort', stop, { once: true });
    await new Promise<void>((resolve) => {
      connection.watch(
        `${this.#path}?watch=true&resourceVersion=${this.#revision}`,
        (line) => {
          const event = JSON.parse(line) as WatchLine;
          if (event.type === 'ERROR') {
            if (event.object.code === 410) {
              this.#revision = 0;
              this.#relists += 1;
            }
            connection.close();
            resolve();
            return;
          }
          this.#take(event);
        },
        resolve,
      );
      this.#signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#signal.removeEventListener('abort', stop);
  }

  #take({ type, object }: WatchLine): void {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const revision = Number(object.metadata.resourceVersion);
    this.#events.push({ type, key, revision });
    this.#revision = revision;
    if (type === 'DELETED') this.#objects.delete(key);
    else this.#keep(object);
  }

  #keep(object: KubeObject): void {
    this.#objects.set(`${object.metadata.namespace}/${object.metadata.name}`, object);
    this.#onObject(object);
  }
}
