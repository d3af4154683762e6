/** Commands as a user would type them. */

import { type DataDirectory, shown } from './data-directory.ts';
import { defaultDataDirectory } from './project.ts';

/** `./orrery WORDS`, on this cluster. */
export function typedCommand(data: DataDirectory, words: string): string {
  const elsewhere = data.path === defaultDataDirectory ? '' : ` --data ${shellWord(shown(data.path))}`;
  return `./orrery${elsewhere} ${words}`;
}

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
