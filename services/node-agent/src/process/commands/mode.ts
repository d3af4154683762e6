/** Permission bits as `chmod` reads and `ls` writes them. */

import type { FileStat } from '../../files/file-system.ts';
import { CommandFailure } from './command.ts';

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };

/** Octal, or symbolic as `u+x,go-w`. @throws CommandFailure */
export function changeMode(text: string, mode: number, isDirectory: boolean): number {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  let result = mode;
  for (const clause of text.split(',')) {
    const match = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause);
    if (match === null) throw new CommandFailure(`invalid mode '${text}'`);
    let mask = 0;
    for (const who of match[1] === '' ? 'a' : match[1]!) mask |= WHO[who]!;
    for (const [, operator, permissions] of match[2]!.matchAll(/([-+=])([rwxXstugo]*)/g)) {
      const bits = bitsOf(permissions!, result, isDirectory) & mask;
      if (operator === '+') result |= bits;
      else if (operator === '-') result &= ~bits;
      else result = (result & ~mask) | bits;
    }
  }
  return result;
}

function bitsOf(permissions: string, mode: number, isDirectory: boolean): number {
  let bits = 0;
  for (const each of permissions) {
    if (each === 'r') bits |= 0o444;
    else if (each === 'w') bits |= 0o222;
    else if (each === 'x') bits |= 0o111;
    else if (each === 'X') bits |= isDirectory || (mode & 0o111) !== 0 ? 0o111 : 0;
    else if (each === 's') bits |= 0o6000;
    else if (each === 't') bits |= 0o1000;
    else bits |= ((mode >> (each === 'u' ? 6 : each === 'g' ? 3 : 0)) & 7) * 0o111;
  }
  return bits;
}

const TYPE: Readonly<Record<FileStat['type'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  device: 'c',
};

/** `drwxr-xr-x`. */
export function formatMode({ type, mode }: Pick<FileStat, 'type' | 'mode'>): string {
  const special = [
    [0o4000, 's', 'S'],
    [0o2000, 's', 'S'],
    [0o1000, 't', 'T'],
  ] as const;
  let text = TYPE[type];
  for (const [index, shift] of [6, 3, 0].entries()) {
    const bits = mode >> shift;
    const [flag, withExecute, without] = special[index]!;
    const executes = (bits & 1) !== 0;
    text += ((bits & 4) === 0 ? '-' : 'r') + ((bits & 2) === 0 ? '-' : 'w');
    if ((mode & flag) === 0) text += executes ? 'x' : '-';
    else text += executes ? withExecute : without;
  }
  return text;
}
