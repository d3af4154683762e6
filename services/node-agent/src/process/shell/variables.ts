/** The variables of a shell over the environment that it was started with. */

import { VARIABLE_CHARACTERS } from './limits.ts';
import { ShellError } from './parse.ts';

/** Elements that were never set are absent. */
export type Value = string | (string | undefined)[];

export interface Variable {
  /** Undefined when it is unset, or only declared. */
  value: Value | undefined;
  exported: boolean;
  readonly: boolean;
}

export class Variables {
  /** As inherited: never changed, so that it may be shared. */
  readonly #environment: ReadonlyMap<string, string>;
  readonly #own: Map<string, Variable>;
  #characters: number;

  constructor(environment: ReadonlyMap<string, string>, own = new Map<string, Variable>(), characters = 0) {
    this.#environment = environment;
    this.#own = own;
    this.#characters = characters;
  }

  /** For a subshell: what it changes stays with it. */
  copy(): Variables {
    const own = new Map<string, Variable>();
    for (const [name, variable] of this.#own) own.set(name, { ...variable });
    return new Variables(this.#environment, own, this.#characters);
  }

  /** Of an array its first element. */
  get(name: string): string | undefined {
    const value = this.value(name);
    return typeof value === 'object' ? value[0] : value;
  }

  value(name: string): Value | undefined {
    const own = this.#own.get(name);
    return own === undefined ? this.#environment.get(name) : own.value;
  }

  /** Its place among the own ones, for `local` to put back; undefined when it has none. */
  peek(name: string): Variable | undefined {
    const own = this.#own.get(name);
    return own === undefined ? undefined : { ...own };
  }

  restore(name: string, variable: Variable | undefined): void {
    if (variable === undefined) this.#own.delete(name);
    else this.#own.set(name, variable);
  }

  /** @throws ShellError when it is read-only, or when there is too much. */
  set(name: string, value: Value, options: { export?: boolean } = {}): void {
    const variable = this.#change(name);
    this.#account(variable.value, value);
    variable.value = value;
    if (options.export === true) variable.exported = true;
  }

  setElement(name: string, index: number, value: string): void {
    if (index < 0 || index > 65_535) throw new ShellError(`${name}[${index}]: bad array subscript`, 1);
    const old = this.value(name);
    const array = typeof old === 'object' ? [...old] : old === undefined ? [] : [old];
    array[index] = value;
    this.set(name, array);
  }

  unset(name: string): void {
    const variable = this.#change(name);
    this.#account(variable.value, '');
    if (this.#environment.has(name))
      this.#own.set(name, { value: undefined, exported: false, readonly: false });
    else this.#own.delete(name);
  }

  /** `undefined` leaves a mark as it is. */
  mark(name: string, marks: { exported?: boolean; readonly?: boolean }): void {
    const old = this.#own.get(name);
    const variable = old ?? {
      value: this.#environment.get(name),
      exported: this.#environment.has(name),
      readonly: false,
    };
    if (marks.exported !== undefined) variable.exported = marks.exported;
    if (marks.readonly !== undefined) variable.readonly = marks.readonly;
    this.#own.set(name, variable);
  }

  /** All that are set, sorted by name. */
  entries(): [name: string, variable: Variable][] {
    const all = new Map<string, Variable>();
    for (const [name, value] of this.#environment) all.set(name, { value, exported: true, readonly: false });
    for (const [name, variable] of this.#own) all.set(name, variable);
    return [...all].filter(([, { value }]) => value !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** What a child is started with. */
  environment(): Map<string, string> {
    const environment = new Map(this.#environment);
    for (const [name, { value, exported }] of this.#own) {
      const text = typeof value === 'object' ? value[0] : value;
      if (exported && text !== undefined) environment.set(name, text);
      else environment.delete(name);
    }
    return environment;
  }

  /** What has changed since the start, as JSON. */
  save(): [string, Variable][] {
    return Array.from(this.#own, ([name, variable]) => [name, { ...variable }]);
  }

  load(saved: readonly [string, Variable][]): void {
    for (const [name, variable] of saved) this.#own.set(name, variable);
  }

  #change(name: string): Variable {
    let variable = this.#own.get(name);
    if (variable?.readonly === true) throw new ShellError(`${name}: is read only`);
    if (variable === undefined) {
      variable = {
        value: this.#environment.get(name),
        exported: this.#environment.has(name),
        readonly: false,
      };
      this.#own.set(name, variable);
    }
    return variable;
  }

  #account(before: Value | undefined, after: Value): void {
    this.#characters += sizeOf(after) - sizeOf(before);
    if (this.#characters > VARIABLE_CHARACTERS) throw new ShellError('out of memory');
  }
}

function sizeOf(value: Value | undefined): number {
  if (typeof value !== 'object') return value?.length ?? 0;
  let sum = value.length * 8;
  for (const each of value) sum += each?.length ?? 0;
  return sum;
}
