/** Checkpoints in a journal: one record for each state that a turn of the event loop leaves behind. */

import type { Journal, Journals } from '../files/journals.ts';
import type { Checkpoints, RuntimeState } from './checkpoints.ts';
import type { Container, PodSandbox } from './runtime.ts';

const NAME = 'checkpoints';
const NO_BODY = new Uint8Array(0);

/** A record; without a value it says that there is none any more. */
interface Entry {
  kind: 'sandbox' | 'container' | 'progress';
  id: string;
  value?: unknown;
}

interface Kept {
  readonly entry: Entry;
  bytes: number;
}

export class JournaledCheckpoints implements Checkpoints {
  readonly #journal: Journal;
  readonly #kept = new Map<string, Kept>();
  /** Not in the journal yet. */
  readonly #changed = new Set<Entry>();
  #sizeBytes = 0;

  constructor(journals: Journals) {
    for (const { head, bytes } of journals.read(NAME)) this.#count(this.#keep(head as Entry), bytes);
    const kept = this.#kept;
    const sizeBytes = (): number => this.#sizeBytes;
    this.#journal = journals.open(NAME, {
      get sizeBytes() {
        return sizeBytes();
      },
      *snapshot() {
        for (const { entry } of kept.values()) yield { head: entry, body: NO_BODY };
      },
    });
  }

  load(): RuntimeState {
    const state: RuntimeState = { sandboxes: [], containers: [], progress: new Map() };
    /** Pods of a namespace have the same variables: they need not be there ten thousand times. */
    const variables = new Map<string, Container['env']>();
    for (const { entry } of this.#kept.values()) {
      if (entry.kind === 'sandbox') state.sandboxes.push(entry.value as PodSandbox);
      else if (entry.kind === 'progress') state.progress.set(entry.id, entry.value);
      else state.containers.push(withShared(entry.value as Container, variables));
    }
    return state;
  }

  putSandbox(sandbox: PodSandbox): void {
    this.#change({ kind: 'sandbox', id: sandbox.id, value: sandbox });
  }

  removeSandbox(id: string): void {
    this.#change({ kind: 'sandbox', id });
  }

  putContainer(container: Container): void {
    this.#change({ kind: 'container', id: container.id, value: container });
  }

  removeContainer(id: string): void {
    this.#change({ kind: 'container', id });
    if (this.#kept.has(keyOf({ kind: 'progress', id }))) this.#change({ kind: 'progress', id });
  }

  putProgress(containerId: string, state: unknown): void {
    this.#change({ kind: 'progress', id: containerId, value: state });
  }

  #change(entry: Entry): void {
    if (this.#changed.size === 0) this.#journal.collect(() => this.#write());
    this.#changed.add(this.#keep(entry));
  }

  /** The entry that stands for this one from now on: the same for each change of one thing. */
  #keep(entry: Entry): Entry {
    const key = keyOf(entry);
    const known = this.#kept.get(key);
    if (entry.value === undefined) {
      this.#kept.delete(key);
      this.#sizeBytes -= known?.bytes ?? 0;
      if (known !== undefined) this.#changed.delete(known.entry);
      return entry;
    }
    if (known !== undefined) {
      known.entry.value = entry.value;
      return known.entry;
    }
    this.#kept.set(key, { entry, bytes: 0 });
    return entry;
  }

  #write(): void {
    for (const entry of this.#changed) {
      this.#count(entry, this.#journal.append({ head: entry, body: NO_BODY }));
    }
    this.#changed.clear();
  }

  #count(entry: Entry, bytes: number): void {
    const kept = this.#kept.get(keyOf(entry));
    if (kept === undefined) return;
    this.#sizeBytes += bytes - kept.bytes;
    kept.bytes = bytes;
  }
}

function keyOf({ kind, id }: Entry): string {
  return `${kind} ${id}`;
}

function withShared(container: Container, variables: Map<string, Container['env']>): Container {
  const text = JSON.stringify(container.env);
  const shared = variables.get(text);
  if (shared === undefined) variables.set(text, container.env);
  else container.env = shared;
  return container;
}
