/**
 * The commands that images may have, by name. To ask whether there is one costs nothing; the
 * file that carries it out is loaded when it is first run.
 */

import type { Program } from '../process.ts';
import type { Programs } from './command.ts';

interface Group {
  readonly names: string;
  load(): Promise<Programs>;
}

const GROUPS: readonly Group[] = [
  {
    names: 'sh ash dash bash',
    load: async () => {
      const { sh } = await import('../shell/sh.ts');
      return { sh, ash: sh, dash: sh, bash: sh };
    },
  },
  {
    names: 'sleep usleep date timeout time watch uptime',
    load: async () => (await import('./time.ts')).TIME_PROGRAMS,
  },
  {
    names: 'cat tac head tail tee wc nl rev more less',
    load: async () => (await import('./text-view.ts')).TEXT_VIEW_PROGRAMS,
  },
  {
    names: 'touch rm unlink rmdir mkdir mv cp ln chmod chown chgrp mktemp truncate dd fallocate sync',
    load: async () => (await import('./file-change.ts')).FILE_CHANGE_PROGRAMS,
  },
];

const groups = new Map<string, Group>();
for (const group of GROUPS) for (const name of group.names.split(' ')) groups.set(name, group);

/** The names of all commands. */
export const commandNames: ReadonlySet<string> = new Set(groups.keys());

/** The command of that name. @throws Error when it is none of `commandNames` */
export async function loadCommand(name: string): Promise<Program> {
  const program = (await groups.get(name)?.load())?.[name];
  if (program === undefined) throw new Error(`no command is called ${name}`);
  return program;
}
