/** `test`, `[` and `[[ ]]`. */

import type { TestExpression, Word } from 'unbash';
import { type FileStat, FileError } from '../../files/file-system.ts';
import { absolutePath } from '../open-file.ts';
import type { Process } from '../process.ts';
import { compileRegExp, posixSource } from '../regular-expressions.ts';
import { evaluateText } from './arithmetic.ts';
import { ShellError } from './parse.ts';
import { matchesPattern } from './pattern.ts';
import { parameter } from './parameter.ts';
import type { Shell } from './shell.ts';

/** What a condition asks about. */
export interface Asker {
  readonly process: Process;
  readonly cwd: string;
  isSet(name: string): boolean;
}

const UNARY = new Set('abcdefghknoprstuvwxzGLNOS'.split('').map((letter) => `-${letter}`));
const BINARY = new Set([
  '=',
  '==',
  '!=',
  '<',
  '>',
  '-eq',
  '-ne',
  '-lt',
  '-le',
  '-gt',
  '-ge',
  '-nt',
  '-ot',
  '-ef',
]);

/** `test` by its arguments, with `-a`, `-o`, `!` and parentheses. @throws ShellError with exit code 2 */
export function testArguments(asker: Asker, args: readonly string[]): boolean {
  let at = 0;
  const primary = (): boolean => {
    const word = args[at];
    if (word === undefined) throw new ShellError('argument expected');
    const operator = args[at + 1];
    if (operator !== undefined && BINARY.has(operator) && args[at + 2] !== undefined) {
      at += 3;
      return binaryCondition(asker, operator, word, args[at - 1]!);
    }
    if (word === '!' && operator !== undefined) {
      at += 1;
      return !primary();
    }
    if (word === '(' && operator !== undefined) {
      at += 1;
      const inner = either();
      if (args[at] !== ')') throw new ShellError('closing paren expected');
      at += 1;
      return inner;
    }
    if (
      UNARY.has(word) &&
      operator !== undefined &&
      !(args.length - at > 2 && ['-a', '-o'].includes(operator))
    ) {
      at += 2;
      return unaryCondition(asker, word, operator);
    }
    at += 1;
    return word !== '';
  };
  const both = (): boolean => {
    let result = primary();
    while (args[at] === '-a') {
      at += 1;
      result = primary() && result;
    }
    return result;
  };
  const either = (): boolean => {
    let result = both();
    while (args[at] === '-o') {
      at += 1;
      result = both() || result;
    }
    return result;
  };
  if (args.length === 0) return false;
  const result = either();
  if (at < args.length) throw new ShellError(`${args[at]}: unexpected operator`);
  return result;
}

function unaryCondition(asker: Asker, operator: string, operand: string): boolean {
  switch (operator) {
    case '-n':
      return operand !== '';
    case '-z':
      return operand === '';
    case '-v':
      return asker.isSet(operand);
    case '-o':
      return false;
    case '-t':
      return asker.process.terminal !== undefined && ['0', '1', '2'].includes(operand);
    default:
      return fileCondition(asker, operator, operand);
  }
}

function fileCondition(asker: Asker, operator: string, operand: string): boolean {
  const stat = statOf(asker, operand, operator !== '-h' && operator !== '-L');
  if (stat === undefined) return false;
  switch (operator) {
    case '-d':
      return stat.type === 'directory';
    case '-f':
      return stat.type === 'file';
    case '-h':
    case '-L':
      return stat.type === 'symlink';
    case '-c':
      return stat.type === 'device';
    case '-b':
    case '-p':
    case '-S':
      return false;
    case '-s':
      return stat.sizeBytes > 0;
    case '-r':
      return isAllowed(asker.process, stat, 4);
    case '-w':
      return isAllowed(asker.process, stat, 2);
    case '-x':
      return isAllowed(asker.process, stat, 1);
    case '-u':
      return (stat.mode & 0o4000) !== 0;
    case '-g':
      return (stat.mode & 0o2000) !== 0;
    case '-k':
      return (stat.mode & 0o1000) !== 0;
    case '-O':
      return stat.uid === asker.process.uid;
    case '-G':
      return stat.gid === asker.process.gid;
    default:
      return true;
  }
}

/** By the bits of the owner, the group or the others; root may do all but execute what nobody may. */
export function isAllowed(process: Process, stat: FileStat, bit: 1 | 2 | 4): boolean {
  if (process.uid === 0) return bit !== 1 || stat.type === 'directory' || (stat.mode & 0o111) !== 0;
  const shift = stat.uid === process.uid ? 6 : stat.gid === process.gid ? 3 : 0;
  return (stat.mode & (bit << shift)) !== 0;
}

function statOf(asker: Asker, path: string, followSymlinks = true): FileStat | undefined {
  if (path === '') return undefined;
  if (/^\/dev\/(?:null|zero|full|random|urandom|tty|std(?:in|out|err))$/.test(path))
    return { type: 'device', mode: 0o666, uid: 0, gid: 0, sizeBytes: 0, modifiedAtMs: 0 };
  try {
    return asker.process.files.stat(absolutePath(asker.cwd, path), { followSymlinks });
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}

function binaryCondition(asker: Asker, operator: string, left: string, right: string): boolean {
  switch (operator) {
    case '=':
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '>':
      return left > right;
    case '-nt':
    case '-ot':
    case '-ef':
      return compareFiles(asker, operator, left, right);
    default:
      return compareNumbers(operator, integer(left), integer(right));
  }
}

function compareFiles(asker: Asker, operator: string, left: string, right: string): boolean {
  const [first, second] = [statOf(asker, left), statOf(asker, right)];
  const at = (stat: FileStat | undefined): number => stat?.modifiedAtMs ?? -Infinity;
  if (operator === '-nt') return at(first) > at(second);
  if (operator === '-ot') return at(first) < at(second);
  const { files } = asker.process;
  const real = (path: string): string => files.realPath(absolutePath(asker.cwd, path));
  return first !== undefined && second !== undefined && real(left) === real(right);
}

function integer(text: string): bigint {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) throw new ShellError(`${text}: integer expression expected`);
  return BigInt(text.trim().replace(/^\+/, ''));
}

function compareNumbers(operator: string, left: bigint, right: bigint): boolean {
  switch (operator) {
    case '-eq':
      return left === right;
    case '-ne':
      return left !== right;
    case '-lt':
      return left < right;
    case '-le':
      return left <= right;
    case '-gt':
      return left > right;
    default:
      return left >= right;
  }
}

/** `[[ ]]`. @throws ShellError */
export async function evaluateCondition(
  shell: Shell,
  asker: Asker,
  expression: TestExpression,
): Promise<boolean> {
  const expandText = (word: Word): Promise<string> => shell.interpreter.expandText(shell, word);
  switch (expression.type) {
    case 'TestGroup':
      return evaluateCondition(shell, asker, expression.expression);
    case 'TestNot': {
      const value = await evaluateCondition(shell, asker, expression.operand);
      return expression.negations.length % 2 === 1 ? !value : value;
    }
    case 'TestLogical':
      for (const operand of expression.operands) {
        const value = await evaluateCondition(shell, asker, operand);
        if (value !== (expression.operator === '&&')) return value;
      }
      return expression.operator === '&&';
    case 'TestUnary':
      return unaryCondition(asker, expression.operator, await expandText(expression.operand));
    case 'TestBinary': {
      const { operator } = expression;
      const left = await expandText(expression.left);
      if (operator === '=' || operator === '==' || operator === '!=') {
        const matches = matchesPattern(await shell.interpreter.expandPattern(shell, expression.right), left);
        return matches === (operator !== '!=');
      }
      if (operator === '=~') return matchesExpression(shell, left, await expandText(expression.right));
      const right = await expandText(expression.right);
      if (!/^-(?:eq|ne|[lg][te])$/.test(operator)) return binaryCondition(asker, operator, left, right);
      return compareNumbers(operator, await evaluateText(shell, left), await evaluateText(shell, right));
    }
  }
}

/** What the groups matched stands in BASH_REMATCH. */
function matchesExpression(shell: Shell, text: string, expression: string): boolean {
  let match: RegExpExecArray | null;
  try {
    match = compileRegExp(posixSource(expression, { extended: true })).exec(text);
  } catch (error) {
    throw new ShellError(`${expression}: ${(error as Error).message}`);
  }
  if (match !== null)
    shell.variables.set(
      'BASH_REMATCH',
      Array.from(match, (each) => each ?? ''),
    );
  return match !== null;
}

export function shellAsker(shell: Shell): Asker {
  return {
    process: shell.process,
    cwd: shell.cwd,
    isSet: (name) => parameter(shell, name) !== undefined,
  };
}
