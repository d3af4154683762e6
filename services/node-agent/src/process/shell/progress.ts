/**
 * How a script outlives the agent: where its main line stands and what it knows, as JSON. Open
 * input, background jobs and the insides of pipelines and subshells are not part of it.
 */

import { openSink } from '../open-file.ts';
import { Cursor, type Step } from './cursor.ts';
import { parseScript } from './parse.ts';
import type { Options, Shell } from './shell.ts';
import type { TrapName } from './traps.ts';
import type { Variable } from './variables.ts';

export interface SavedShell {
  /** Of the script, so that a changed one is begun anew. */
  source: string;
  way: Step[];
  /** Where the command at the end of the way stands. */
  child?: unknown;
  variables: [string, Variable][];
  functions: string[];
  traps: [TrapName, string][];
  options: (keyof Options)[];
  cwd: string;
  status: number;
  positional: readonly string[];
  callers: (readonly string[])[];
  scopes: [string, Variable | null][][];
  /** Files that `exec` has opened for output. */
  files: [descriptor: number, path: string][];
}

export function snapshot(shell: Shell, cursor: Cursor, child?: unknown): SavedShell {
  const files: SavedShell['files'] = [];
  for (const [descriptor, { path, sink }] of shell.permanentFiles ?? [])
    if (path !== undefined && sink !== undefined) files.push([descriptor, path]);
  const options = Object.entries(shell.options).filter(([, on]) => on);
  return {
    source: shell.source,
    way: cursor.way(),
    ...(child === undefined ? {} : { child }),
    variables: shell.variables.save(),
    functions: Array.from(shell.functions.values(), ({ text }) => text),
    traps: shell.traps.entries(),
    options: options.map(([name]) => name as keyof Options),
    cwd: shell.cwd,
    status: shell.status,
    positional: shell.positional,
    callers: shell.callers,
    scopes: shell.scopes.map((scope) => Array.from(scope, ([name, variable]) => [name, variable ?? null])),
    files,
  };
}

/** Another version may have written something else. */
function isSavedShell(saved: unknown): saved is SavedShell {
  if (typeof saved !== 'object' || saved === null) return false;
  return LISTS.every((name) => Array.isArray((saved as Partial<SavedShell>)[name]));
}

const LISTS = [
  'way',
  'variables',
  'functions',
  'traps',
  'options',
  'positional',
  'callers',
  'scopes',
  'files',
] as const;

/** Lets the main line of the script be saved, and puts back what was saved of it. */
export function followProgress(shell: Shell): void {
  const { saved } = shell.progress;
  const isSame = isSavedShell(saved) && saved.source === shell.source;
  const cursor = isSame ? new Cursor(saved.way, saved.child) : new Cursor();
  shell.cursor = cursor;
  shell.saveProgress = (child) => shell.progress.save(snapshot(shell, cursor, child));
  if (isSame) restore(shell, saved);
}

function restore(shell: Shell, saved: SavedShell): void {
  shell.variables.load(structuredClone(saved.variables));
  shell.cwd = saved.cwd;
  shell.status = saved.status;
  shell.positional = saved.positional;
  shell.callers = [...saved.callers];
  shell.callDepth = saved.callers.length;
  shell.scopes = saved.scopes.map(
    (scope) => new Map(scope.map(([name, variable]) => [name, variable ?? undefined])),
  );
  for (const [descriptor, path] of saved.files)
    shell.files.set(descriptor, { sink: openSink(shell.process, path, { append: true }), path });
  if (saved.files.length > 0) shell.permanentFiles = shell.files;
  for (const option of saved.options) shell.options[option] = true;
  for (const [name, command] of saved.traps) shell.traps.set(name, command);
  for (const text of saved.functions) {
    const node = parseScript(text).commands[0]?.command;
    if (node?.type === 'Function')
      shell.functions.set(node.name.value, { body: node.body, source: text, text });
  }
}
