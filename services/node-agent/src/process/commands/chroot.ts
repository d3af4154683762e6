/** chroot: how one works on a node from the pod that `kubectl debug node/...` makes. */

import { FileError } from '../../files/file-system.ts';
import type { Program } from '../process.ts';
import { command, type Command, CommandFailure, parseOptions, type Programs } from './command.ts';
import { commandNames, loadCommand } from './index.ts';

/** The other root has programs of its own: of the commands that are known, all. */
async function programOf({ process }: Command, name: string): Promise<Program> {
  const found = await process.findProgram(name);
  if (found !== undefined) return found;
  const command = name.slice(name.lastIndexOf('/') + 1);
  if (!commandNames.has(command))
    throw new CommandFailure(`can't execute '${name}': No such file or directory`, 127);
  return loadCommand(command);
}

const chroot = command(async (self) => {
  const [root, ...words] = parseOptions(self.args, '', {}, true).operands;
  if (root === undefined) throw new CommandFailure('missing operand');
  const { process } = self;
  if (process.uid !== 0)
    throw new CommandFailure(`can't change root directory to '${root}': Operation not permitted`);
  const argv = words.length === 0 ? ['sh'] : words;
  try {
    const files = process.files.chroot(self.path(root));
    const program = await self.wait(programOf(self, argv[0]!));
    return await self.wait(process.exec(argv, program, { files, cwd: '/' }));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new CommandFailure(`can't change root directory to '${root}': ${error.message}`);
  }
});

export const CHROOT_PROGRAMS: Programs = { chroot };
