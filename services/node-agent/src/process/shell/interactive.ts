/** Scripts that come by the line: typed on a terminal, or on standard input. */

import { completions, remember } from './line-help.ts';
import { parseScript, ShellError } from './parse.ts';
import type { Shell } from './shell.ts';

/** A command that is longer is not waited for. */
const LONGEST_COMMAND = 1024 * 1024;

export async function runInteractive(shell: Shell): Promise<number> {
  let interrupted = false;
  shell.process.onSignal('SIGINT', () => {
    interrupted = true;
    if (isReading) void shell.printError(promptOf(shell));
  });
  // As every interactive shell does, it outlives these.
  shell.process.onSignal('SIGTERM', () => undefined);
  shell.process.onSignal('SIGQUIT', () => undefined);
  let isReading = false;
  let text = '';
  const history: string[] = [];
  const { terminal } = shell.process;
  while (shell.flow?.kind !== 'exit') {
    const prompt = text === '' ? promptOf(shell) : (shell.variables.get('PS2') ?? '> ');
    await shell.printError(prompt);
    isReading = true;
    terminal?.help?.({ prompt, history, complete: (typed) => completions(shell, typed) });
    const line = await shell.wait(shell.files.get(0)?.source?.readLine());
    terminal?.help?.(undefined);
    isReading = false;
    if (line !== undefined) remember(history, line.text);
    if (interrupted) text = '';
    interrupted = false;
    if (line === undefined) break;
    text += `${line.text}\n`;
    if (isUnfinished(text) && text.length < LONGEST_COMMAND) continue;
    await runLine(shell, text);
    text = '';
  }
  if (shell.flow?.kind !== 'exit') await shell.printError(shell.isBash ? 'exit\n' : '\n');
  return shell.status;
}

async function runLine(shell: Shell, text: string): Promise<void> {
  shell.source = text;
  shell.flow = undefined;
  try {
    await shell.interpreter.runStatements(shell, parseScript(text).commands);
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    shell.complain(error.message);
    shell.status = error.exitCode;
  }
}

/** One command after the other, so that a command may read what follows it. */
export async function runStandardInput(shell: Shell): Promise<number> {
  const input = shell.files.get(0)?.source;
  let text = '';
  for (;;) {
    const line = await shell.wait(input?.readLine());
    if (line !== undefined) text += `${line.text}\n`;
    if (line === undefined && text === '') break;
    if (line !== undefined && isUnfinished(text) && text.length < LONGEST_COMMAND) continue;
    shell.source = text;
    const script = parseScript(text);
    text = '';
    await shell.interpreter.runStatements(shell, script.commands);
    if (shell.flow !== undefined || line === undefined) break;
  }
  return shell.status;
}

/** Whether more has to come before a text is a whole command. */
function isUnfinished(text: string): boolean {
  if (text.endsWith('\\\n')) return true;
  try {
    parseScript(text);
    return false;
  } catch (error) {
    return /unterminated|unclosed|to close|expected command|here-document|heredoc/i.test(
      (error as Error).message,
    );
  }
}

/** `/ # ` as busybox shows it, `root@host:/# ` as bash does. */
function promptOf(shell: Shell): string {
  const given = shell.variables.get('PS1');
  const { uid, hostname } = shell.process;
  const home = shell.variables.get('HOME') ?? '/root';
  const where =
    shell.cwd === home
      ? '~'
      : shell.cwd.startsWith(`${home}/`) && home !== '/'
        ? `~${shell.cwd.slice(home.length)}`
        : shell.cwd;
  const sign = uid === 0 ? '#' : '$';
  if (given === undefined) {
    if (!shell.isBash) return `${where} ${sign} `;
    return `${uid === 0 ? 'root' : 'I have no name!'}@${hostname}:${where}${sign} `;
  }
  const special: Readonly<Record<string, string>> = {
    h: hostname.split('.')[0]!,
    H: hostname,
    u: uid === 0 ? 'root' : String(uid),
    w: where,
    W: where.split('/').at(-1) ?? where,
    $: sign,
    n: '\n',
    s: shell.name,
  };
  return given.replaceAll(/\\([hHuwWns$])/g, (_, letter: string) => special[letter]!);
}
