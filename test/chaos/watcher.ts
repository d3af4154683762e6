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

/** Told of every change in the order in which the watcher sees it. */
export interface Observer {
  /** The object is there, or has changed. */
  kept(object: KubeObject): void;
  /** The object is gone; this is how it was last. */
  dropped(object: KubeObject): void;
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
  readonly #observer: Observer;
  readonly #objects = new Map<string, KubeObject>();
  #events: SeenEvent[] = [];
  #startRevision = 0;
  #revision = 0;

  /** `path`: the collection's URL path. Runs until the signal aborts. */
  constructor(kubeconfig: string, path: string, signal: AbortSignal, observer: Observer) {
    this.#kubeconfig = kubeconfig;
    this.#path = path;
    this.#signal = signal;
    this.#observer = observer;
  }

  /** The state as this client knows it, by key. */
  get objects(): ReadonlyMap<string, KubeObject> {
    return this.#objects;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Events seen since `startRevision`, in order. */
  get events(): readonly SeenEvent[] {
    return this.#events;
  }

  /** Where `events` begins: at the last `forget`, or at the list that a 410 asked for after it. */
  get startRevision(): number {
    return this.#startRevision;
  }

  /** Forgets the events seen so far. */
  forget(): void {
    this.#events = [];
    this.#startRevision = this.#revision;
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
      const listed = new Set(list.items.map(keyOf));
      for (const [key, object] of this.#objects) if (!listed.has(key)) this.#drop(object);
      for (const item of list.items) this.#keep(item);
      this.#revision = Number(list.metadata.resourceVersion);
      this.forget();
    } finally {
      connection.close();
    }
  }

  async #watch(): Promise<void> {
    const connection = await Connection.open(readTarget(this.#kubeconfig));
    const ended = new AbortController();
    await new Promise<void>((resolve) => {
      const path = `${this.#path}?watch=true&resourceVersion=${this.#revision}`;
      this.#signal.addEventListener('abort', () => resolve(), { signal: ended.signal });
      connection.watch(path, (line) => this.#take(JSON.parse(line) as WatchLine, resolve), resolve);
    });
    ended.abort();
    connection.close();
  }

  #take({ type, object }: WatchLine, end: () => void): void {
    if (type === 'ERROR' || object.metadata.resourceVersion === undefined) {
      // Only 410 asks for a new list; anything else for another watch from the same place.
      if (object.code === 410) this.#revision = 0;
      end();
      return;
    }
    const revision = Number(object.metadata.resourceVersion);
    this.#events.push({ type, key: keyOf(object), revision });
    this.#revision = revision;
    if (type === 'DELETED') this.#drop(object);
    else this.#keep(object);
  }

  #keep(object: KubeObject): void {
    this.#objects.set(keyOf(object), object);
    this.#observer.kept(object);
  }

  #drop(object: KubeObject): void {
    this.#objects.delete(keyOf(object));
    this.#observer.dropped(object);
  }
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}
