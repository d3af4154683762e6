/** What one shell may take of the agent. Each ends the script with a message, as a full machine would. */

/** Of one command substitution. */
export const CAPTURE_BYTES = 4 * 1024 * 1024;
/** Characters of all variables together. */
export const VARIABLE_CHARACTERS = 8 * 1024 * 1024;
/** Words that braces make of one word. */
export const BRACE_WORDS = 16_384;
/** Words of one command. */
export const WORDS = 65_536;
/** Calls of functions, `eval` and `source` inside one another. */
export const CALL_DEPTH = 200;
/** Subshells of one process at the same time. */
export const SUBSHELLS = 128;
/** Nodes inside one another that are evaluated. */
export const SYNTAX_DEPTH = 400;
/** Background jobs that are remembered. */
export const JOBS = 256;
/** Distinct scripts that stay parsed in the agent. */
export const PARSED_SCRIPTS = 256;
/** A longer script is parsed again each time. */
export const PARSED_SCRIPT_CHARACTERS = 64 * 1024;

/** What a command costs the shell itself, in milliseconds of CPU: enough that an endless loop leaves the agent time for others. */
export const BUILTIN_COST_MS = 0.04;
/** As much may be owed before it is paid by waiting. */
export const CPU_DEBT_MS = 50;
/** A command that takes longer is worth a note of where the script stands. */
export const LONG_COMMAND_MS = 1_000;
