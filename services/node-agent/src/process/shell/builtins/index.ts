/** The commands that the shell itself carries out, by name. */

import type { Builtin } from './builtin.ts';
import { FLOW_BUILTINS } from './flow.ts';
import { OUTPUT_BUILTINS } from './output.ts';
import { PROCESS_BUILTINS } from './processes.ts';
import { VARIABLE_BUILTINS } from './variables.ts';

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map([
  ...FLOW_BUILTINS,
  ...OUTPUT_BUILTINS,
  ...VARIABLE_BUILTINS,
  ...PROCESS_BUILTINS,
]);

/** Found before functions; assignments before them stay (POSIX XCU 2.15). */
export const SPECIAL_BUILTINS: ReadonlySet<string> = new Set([
  ':',
  '.',
  'break',
  'continue',
  'eval',
  'exec',
  'exit',
  'export',
  'readonly',
  'return',
  'set',
  'shift',
  'source',
  'trap',
  'unset',
]);

/** In whose arguments an assignment is not split into fields. */
export const DECLARATIONS: ReadonlySet<string> = new Set([
  'export',
  'readonly',
  'local',
  'declare',
  'typeset',
]);
