/** Calls of functions. */

import type { FunctionDefinition } from './functions.ts';
import { CALL_DEPTH } from './limits.ts';
import { ShellError } from './parse.ts';
import type { Shell } from './shell.ts';

/** @throws ShellError when calls are nested too deeply */
export async function callFunction(
  shell: Shell,
  { body, source }: FunctionDefinition,
  argv: readonly string[],
): Promise<number> {
  const { cursor } = shell;
  const isReturning = cursor?.returning === true;
  if (shell.callDepth >= CALL_DEPTH && !isReturning)
    throw new ShellError(`${argv[0]}: maximum function nesting level exceeded (${CALL_DEPTH})`);
  const caller = { source: shell.source, loopDepth: shell.loopDepth };
  // Someone who goes on finds the frames as they were saved.
  if (!isReturning) {
    shell.callers.push(shell.positional);
    shell.scopes.push(new Map());
    shell.positional = argv.slice(1);
    shell.callDepth += 1;
  }
  shell.source = source;
  shell.loopDepth = 0;
  cursor?.enter({ call: [...argv] });
  try {
    const status = await shell.interpreter.runBody(shell, body);
    if (shell.flow?.kind !== 'return') return status;
    shell.flow = undefined;
    return shell.status;
  } finally {
    cursor?.leave();
    for (const [name, variable] of shell.scopes.pop() ?? []) shell.variables.restore(name, variable);
    shell.positional = shell.callers.pop() ?? [];
    Object.assign(shell, caller);
    shell.callDepth -= 1;
  }
}
