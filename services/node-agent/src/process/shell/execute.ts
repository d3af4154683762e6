/** Carries out the statements of a script (POSIX XCU 2.9). Each function resolves to an exit code, which is also `$?`. */

import type {
  AndOr,
  ArithmeticFor,
  Case,
  CommandNode,
  CompoundList,
  For,
  Function as FunctionNode,
  If,
  PipelineNode,
  Redirected,
  Statement,
  While,
} from 'unbash';
import { evaluate } from './arithmetic.ts';
import { runSimpleCommand } from './simple-command.ts';
import { evaluateCondition, shellAsker } from './conditions.ts';
import type { ForStep, Step } from './cursor.ts';
import { expandArithmeticWord, expandPart, expandPattern, expandText, expandWords } from './expand.ts';
import { startJob } from './jobs.ts';
import { BUILTIN_COST_MS, CALL_DEPTH } from './limits.ts';
import { parseScript, ShellError } from './parse.ts';
import { matchesPattern } from './pattern.ts';
import { runPipeline } from './pipeline.ts';
import { snapshot } from './progress.ts';
import { redirected } from './redirect.ts';
import type { Interpreter, Shell } from './shell.ts';

export const interpreter: Interpreter = {
  expandText,
  expandPattern,
  expandPart,
  runStatements,
  runBody,
  runText,
};

/** Parses and runs, as `eval` does. @throws ShellError */
export async function runText(shell: Shell, text: string): Promise<number> {
  if (shell.callDepth >= CALL_DEPTH) throw new ShellError('maximum nesting level exceeded');
  const script = parseScript(text);
  const { source } = shell;
  shell.callDepth += 1;
  shell.source = text;
  try {
    return await offTheMainLine(shell, () => runStatements(shell, script.commands));
  } finally {
    shell.source = source;
    shell.callDepth -= 1;
  }
}

export async function runStatements(
  shell: Shell,
  statements: readonly Statement[],
  isLast = false,
): Promise<number> {
  const { cursor } = shell;
  let status = statements.length === 0 ? 0 : shell.status;
  for (let at = cursor?.enter(0) ?? 0; at < statements.length; at += 1) {
    cursor?.move(at);
    status = await runStatement(shell, statements[at]!, isLast && at === statements.length - 1);
    if (shell.flow !== undefined) break;
  }
  cursor?.leave();
  return status;
}

async function runStatement(shell: Shell, statement: Statement, isLast: boolean): Promise<number> {
  const debt = shell.spend(BUILTIN_COST_MS);
  if (debt !== undefined) await debt;
  if (shell.options.noexec && !shell.interactive) return 0;
  try {
    if (statement.background === true) shell.status = startJob(shell, statement);
    else await runAndOr(shell, statement.command, isLast);
  } catch (error) {
    // A mistake ends a script, but only the line that is typed.
    if (!(error instanceof ShellError) || !shell.interactive || shell.isSubshell) throw error;
    shell.complain(error.message, statement.pos);
    shell.status = error.exitCode;
  }
  if (shell.traps.pendingStatus !== undefined) await shell.traps.runPending();
  return shell.status;
}

async function runAndOr(shell: Shell, node: PipelineNode | AndOr, isLast: boolean): Promise<number> {
  if (node.type !== 'AndOr') return runPipelineNode(shell, node, isLast);
  const { cursor } = shell;
  const last = node.commands.length - 1;
  for (let at = cursor?.enter(0) ?? 0; at <= last; at += 1) {
    const isReturning = cursor?.returning === true;
    const operator = node.operators[at - 1];
    if (at > 0 && !isReturning && (operator === '&&') !== (shell.status === 0)) continue;
    cursor?.move(at);
    if (at < last) await inCondition(shell, () => runPipelineNode(shell, node.commands[at]!, false));
    else await runPipelineNode(shell, node.commands[at]!, isLast);
    if (shell.flow !== undefined) break;
  }
  cursor?.leave();
  return shell.status;
}

async function runPipelineNode(shell: Shell, node: PipelineNode, isLast: boolean): Promise<number> {
  if (node.type !== 'Pipeline') {
    shell.status = await runCommand(shell, node, isLast);
    return afterCommand(shell);
  }
  const isNegated = node.prefixes.filter((prefix) => prefix.type === 'Negation').length % 2 === 1;
  const isTimed = node.prefixes.some((prefix) => prefix.type === 'Time');
  const startedAtMs = shell.process.clock.now();
  const run = (): Promise<number> =>
    node.commands.length === 1
      ? runCommand(shell, node.commands[0]!, false)
      : offTheMainLine(shell, () => runPipeline(shell, node, runCommand));
  const status = node.commands.length === 0 ? 0 : isNegated ? await inCondition(shell, run) : await run();
  if (isTimed) await printTimes(shell, shell.process.clock.now() - startedAtMs);
  if (shell.flow?.kind === 'exit') return status;
  shell.status = isNegated ? Number(status === 0) : status;
  return isNegated ? shell.status : afterCommand(shell);
}

/** `set -e`, and the trap ERR: where nobody asks about a failure. */
async function afterCommand(shell: Shell): Promise<number> {
  if (shell.status === 0 || shell.conditionDepth > 0 || shell.flow !== undefined) return shell.status;
  await shell.traps.runError();
  if (shell.options.errexit) shell.flow = { kind: 'exit' };
  return shell.status;
}

async function printTimes(shell: Shell, elapsedMs: number): Promise<void> {
  const format = (ms: number): string => `${Math.floor(ms / 60_000)}m ${((ms / 1_000) % 60).toFixed(2)}s`;
  await shell.printError(`real\t${format(elapsedMs)}\nuser\t0m 0.00s\nsys\t0m 0.00s\n`);
}

async function inCondition<T>(shell: Shell, run: () => Promise<T>): Promise<T> {
  shell.conditionDepth += 1;
  try {
    return await run();
  } finally {
    shell.conditionDepth -= 1;
  }
}

/**
 * Runs what cannot be gone on with from its middle. When the agent comes back meanwhile, the
 * script begins this command again, with the variables that it had.
 */
async function offTheMainLine<T>(shell: Shell, run: () => Promise<T>): Promise<T> {
  const { cursor, saveProgress } = shell;
  if (cursor === undefined) return run();
  const before = snapshot(shell, cursor);
  shell.cursor = undefined;
  shell.saveProgress = () => shell.progress.save(before);
  try {
    return await run();
  } finally {
    shell.cursor = cursor;
    shell.saveProgress = saveProgress;
  }
}

async function runCommand(shell: Shell, node: CommandNode, isLast: boolean): Promise<number> {
  switch (node.type) {
    case 'Command':
      return runSimpleCommand(shell, node, isLast);
    case 'If':
      return runIf(shell, node, isLast);
    case 'While':
      return runWhile(shell, node);
    case 'For':
      return runFor(shell, node);
    case 'ArithmeticFor':
      return runArithmeticFor(shell, node);
    case 'Case':
      return runCase(shell, node, isLast);
    case 'BraceGroup':
      return runStatements(shell, node.body.commands, isLast);
    case 'Subshell':
      return offTheMainLine(shell, () =>
        shell.subshell((subshell) => runStatements(subshell, node.body.commands)),
      );
    case 'TestCommand':
      return Number(!(await evaluateCondition(shell, shellAsker(shell), node.expression)));
    case 'ArithmeticCommand': {
      const value = await evaluate(shell, node.expression, (word) => expandArithmeticWord(shell, word));
      return Number(value === 0n);
    }
    case 'Redirected':
      return runRedirected(shell, node);
    case 'Function':
      return defineFunction(shell, node);
    case 'Select':
    case 'Coproc':
      throw new ShellError(`${node.type.toLowerCase()} is not supported`);
  }
}

function defineFunction(shell: Shell, node: FunctionNode): number {
  const functions = new Map(shell.functions);
  functions.set(node.name.value, {
    body: node.body,
    source: shell.source,
    text: shell.source.slice(node.pos, node.end),
  });
  shell.functions = functions;
  return 0;
}

async function runRedirected(shell: Shell, node: Redirected): Promise<number> {
  const before = shell.files;
  try {
    shell.files = await redirected(shell, node.redirects);
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    shell.complain(error.message, node.pos);
    return error.exitCode;
  }
  // How far input has been read cannot be told to a later life.
  const reads = node.redirects.some(
    (redirect) => redirect.type !== 'Redirect' || redirect.operator.startsWith('<'),
  );
  try {
    const run = (): Promise<number> => runCommand(shell, node.command, false);
    return await (reads ? offTheMainLine(shell, run) : run());
  } finally {
    shell.files = before;
  }
}

/** The steps are the lists of the node in their order: condition, consequence, condition, and so on. */
async function runIf(shell: Shell, node: If, isLast: boolean): Promise<number> {
  const branches = [node, ...node.elif];
  const { cursor } = shell;
  let step = cursor?.enter(0) ?? 0;
  let status = 0;
  for (; step < branches.length * 2; step += 2) {
    const branch = branches[step >> 1]!;
    cursor?.move(step);
    if (step % 2 === 0) {
      const tested = await inCondition(shell, () => runStatements(shell, branch.clause.commands));
      if (shell.flow !== undefined) break;
      if (tested !== 0) continue;
      step += 1;
      cursor?.move(step);
    }
    status = await runStatements(shell, branch.then.commands, isLast);
    cursor?.leave();
    return status;
  }
  if (node.else !== undefined && shell.flow === undefined) {
    cursor?.move(step);
    status = await runStatements(shell, node.else.commands, isLast);
  }
  cursor?.leave();
  return shell.flow === undefined ? status : shell.status;
}

/** Whether the loop is left; takes what was meant for it. */
function leavesLoop(shell: Shell): boolean {
  const { flow } = shell;
  if (flow === undefined) return false;
  if (flow.kind !== 'break' && flow.kind !== 'continue') return true;
  if (flow.levels > 1) {
    shell.flow = { kind: flow.kind, levels: flow.levels - 1 };
    return true;
  }
  shell.flow = undefined;
  return flow.kind === 'break';
}

const CONDITION = 0;
const BODY = 1;

async function runWhile(shell: Shell, node: While): Promise<number> {
  return inLoop(shell, async () => {
    const { cursor } = shell;
    let step = cursor?.enter(CONDITION) ?? CONDITION;
    let status = 0;
    for (;;) {
      if (step === CONDITION) {
        const tested = await inCondition(shell, () => runStatements(shell, node.clause.commands));
        if (shell.flow !== undefined && leavesLoop(shell)) break;
        if ((tested === 0) !== (node.kind === 'while')) break;
      }
      cursor?.move(BODY);
      status = await runStatements(shell, node.body.commands);
      if (leavesLoop(shell)) break;
      step = CONDITION;
      cursor?.move(CONDITION);
    }
    cursor?.leave();
    return shell.flow === undefined ? status : shell.status;
  });
}

async function inLoop(shell: Shell, run: () => Promise<number>): Promise<number> {
  shell.loopDepth += 1;
  try {
    return await run();
  } finally {
    shell.loopDepth -= 1;
  }
}

async function runFor(shell: Shell, node: For): Promise<number> {
  const { cursor } = shell;
  const fresh = async (): Promise<ForStep> => ({
    words: node.wordlist === undefined ? [...shell.positional] : await expandWords(shell, node.wordlist),
    index: 0,
  });
  return inLoop(shell, async () => {
    const begun = cursor?.returning === true ? cursor.enter<Step>(0) : undefined;
    const { words, index } =
      begun === undefined || typeof begun === 'number' ? await fresh() : (begun as ForStep);
    if (begun === undefined) cursor?.enter<Step>(0);
    let status = 0;
    for (let at = index; at < words.length; at += 1) {
      cursor?.move({ words, index: at });
      shell.variables.set(node.name.value, words[at]!);
      status = await runStatements(shell, node.body.commands);
      if (leavesLoop(shell)) break;
    }
    cursor?.leave();
    return shell.flow === undefined ? status : shell.status;
  });
}

async function runArithmeticFor(shell: Shell, node: ArithmeticFor): Promise<number> {
  const { cursor } = shell;
  const value = (expression: ArithmeticFor['test']): Promise<bigint> =>
    evaluate(shell, expression, (word) => expandArithmeticWord(shell, word));
  return inLoop(shell, async () => {
    let isReturning = cursor?.returning === true;
    cursor?.enter(BODY);
    if (!isReturning) await value(node.initialize);
    let status = 0;
    for (;;) {
      if (!isReturning && node.test !== undefined && (await value(node.test)) === 0n) break;
      isReturning = false;
      status = await runStatements(shell, node.body.commands);
      if (leavesLoop(shell)) break;
      await value(node.update);
    }
    cursor?.leave();
    return shell.flow === undefined ? status : shell.status;
  });
}

async function runCase(shell: Shell, node: Case, isLast: boolean): Promise<number> {
  const { cursor } = shell;
  const isReturning = cursor?.returning === true;
  const word = isReturning ? '' : await expandText(shell, node.word);
  let falls = isReturning;
  let status = 0;
  for (let at = cursor?.enter(0) ?? 0; at < node.items.length; at += 1) {
    const item = node.items[at]!;
    if (!falls && !(await matchesAny(shell, item.pattern, word))) continue;
    cursor?.move(at);
    status = await runStatements(shell, item.body.commands, isLast && item.terminator === ';;');
    falls = item.terminator === ';&';
    if (shell.flow !== undefined || (!falls && item.terminator !== ';;&')) break;
  }
  cursor?.leave();
  return status;
}

async function matchesAny(
  shell: Shell,
  patterns: Case['items'][number]['pattern'],
  word: string,
): Promise<boolean> {
  for (const pattern of patterns) if (matchesPattern(await expandPattern(shell, pattern), word)) return true;
  return false;
}

function runBody(shell: Shell, body: FunctionNode['body']): Promise<number> {
  return body.type === 'CompoundList'
    ? runStatements(shell, (body satisfies CompoundList).commands)
    : runCommand(shell, body, false);
}
