/** `trap`: commands that run when a signal arrives, between two commands of the script. */

import { type Signal, SIGNAL_NUMBER } from '../process.ts';
import type { Shell } from './shell.ts';

export type TrapName = Signal | 'EXIT' | 'ERR';

/** By name with or without SIG, or by number; 0 is EXIT. */
export function trapName(text: string): TrapName | undefined {
  const upper = text.toUpperCase();
  if (upper === '0' || upper === 'EXIT') return 'EXIT';
  if (upper === 'ERR') return 'ERR';
  return signalNamed(upper);
}

export function signalNamed(text: string): Signal | undefined {
  const name = text.toUpperCase();
  for (const [signal, number] of Object.entries(SIGNAL_NUMBER))
    if (name === signal || `SIG${name}` === signal || name === String(number)) return signal as Signal;
  return undefined;
}

export class Traps {
  readonly #shell: Shell;
  #commands: Map<TrapName, string> | undefined;
  #stops: Map<Signal, () => void> | undefined;
  #pending: Signal[] = [];
  #arrived: PromiseWithResolvers<void> | undefined;
  #running = false;

  constructor(shell: Shell) {
    this.#shell = shell;
  }

  get isEmpty(): boolean {
    return this.#commands === undefined || this.#commands.size === 0;
  }

  entries(): [TrapName, string][] {
    return [...(this.#commands ?? [])];
  }

  /** An empty command ignores the signal; undefined puts back what the signal does by itself. */
  set(name: TrapName, command: string | undefined): void {
    this.#commands ??= new Map();
    if (command === undefined) this.#commands.delete(name);
    else this.#commands.set(name, command);
    if (name === 'EXIT' || name === 'ERR') return;
    this.#stops ??= new Map();
    this.#stops.get(name)?.();
    this.#stops.delete(name);
    if (command !== undefined)
      this.#stops.set(
        name,
        this.#shell.process.onSignal(name, () => this.#arrive(name)),
      );
  }

  /** Resolves when a signal that has a trap arrives, or at once when one is waiting. */
  arrival(): Promise<void> {
    if (this.#pending.length > 0) return Promise.resolve();
    this.#arrived ??= Promise.withResolvers();
    return this.#arrived.promise;
  }

  /** The exit code of a `wait` that is interrupted; undefined when no signal is waiting. */
  get pendingStatus(): number | undefined {
    const [signal] = this.#pending;
    return signal === undefined ? undefined : 128 + SIGNAL_NUMBER[signal];
  }

  async runPending(): Promise<void> {
    while (this.#pending.length > 0 && !this.#running && this.#shell.flow?.kind !== 'exit') {
      const command = this.#commands?.get(this.#pending.shift()!);
      if (command !== undefined && command !== '') await this.#run(command);
    }
  }

  /** After a command that failed where it was not asked about (bash). */
  async runError(): Promise<void> {
    const command = this.#commands?.get('ERR');
    if (command !== undefined && command !== '' && !this.#running) await this.#run(command);
  }

  /** Once; it may itself choose the exit code. */
  async runExit(): Promise<void> {
    const command = this.#commands?.get('EXIT');
    this.#commands?.delete('EXIT');
    if (command === undefined || command === '') return;
    this.#shell.flow = undefined;
    this.#running = false;
    const status = this.#shell.status;
    await this.#run(command);
    if (this.#shell.flow === undefined) this.#shell.status = status;
  }

  async #run(command: string): Promise<void> {
    const shell = this.#shell;
    const before = shell.status;
    const { cursor } = shell;
    shell.cursor = undefined;
    this.#running = true;
    try {
      await shell.interpreter.runText(shell, command);
    } finally {
      this.#running = false;
      shell.cursor = cursor;
    }
    if (shell.flow?.kind !== 'exit') shell.status = before;
  }

  #arrive(signal: Signal): void {
    if (this.#commands?.get(signal) === '') return;
    if (!this.#pending.includes(signal)) this.#pending.push(signal);
    this.#arrived?.resolve();
    this.#arrived = undefined;
  }
}
