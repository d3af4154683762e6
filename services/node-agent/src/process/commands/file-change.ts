/** Commands that change files: touch, rm, rmdir, mkdir, mv, cp, ln, chmod, chown, mktemp, truncate, dd. */

import { randomId } from '@orrery/kit/random.ts';
import { FileError } from '../../files/file-system.ts';
import { command, type Command, CommandFailure, parseOptions, type Programs } from './command.ts';
import { parseDate } from './date.ts';
import { changeMode } from './mode.ts';

const EMPTY = new Uint8Array();
/** Trees may be deep, and a loop of symlinks must end. */
const DEEPEST = 64;

/** Does it for each operand and goes on after a failure. */
async function forEach(
  self: Command,
  operands: readonly string[],
  act: (path: string, operand: string) => void | Promise<void>,
  explain: (operand: string, error: FileError) => string,
): Promise<number> {
  if (operands.length === 0) throw new CommandFailure('missing operand');
  let status = 0;
  for (const operand of operands) {
    try {
      await act(self.path(operand), operand);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      status = self.complain(explain(operand, error));
    }
  }
  return status;
}

const touch = command((self) => {
  const options = self.options('acmd:t:r:', { 'no-create': 'c', date: 'd', reference: 'r' });
  const { files, clock } = self.process;
  const reference = options.value('r');
  const given = options.value('d');
  const atMs =
    reference === undefined
      ? given === undefined
        ? clock.now()
        : (parseDate(given, clock.now()) ?? clock.now())
      : files.stat(self.path(reference)).modifiedAtMs;
  return forEach(
    self,
    options.operands,
    (path) => {
      if (!files.exists(path)) {
        if (options.has('c')) return;
        files.write(path, EMPTY);
      }
      files.setModified(path, atMs);
    },
    (operand, error) => `${operand}: ${error.message}`,
  );
});

const rm = command((self) => {
  const options = self.options('rRfivd', { recursive: 'r', force: 'f', verbose: 'v' });
  if (options.operands.length === 0 && options.has('f')) return 0;
  const recursive = options.has('r') || options.has('R');
  const { files } = self.process;
  return forEach(
    self,
    options.operands,
    async (path, operand) => {
      if (/^(?:\/+\.*|\.{1,2}\/*)$/.test(operand)) throw new FileError('EBUSY', path);
      let type: string;
      try {
        ({ type } = files.stat(path, { followSymlinks: false }));
      } catch (error) {
        if (options.has('f') && error instanceof FileError && error.code === 'ENOENT') return;
        throw error;
      }
      if (type === 'directory' && !recursive) throw new FileError('EISDIR', path);
      files.remove(path, { recursive });
      if (options.has('v')) await self.print(`removed '${operand}'\n`);
    },
    (operand, error) =>
      error.code === 'EISDIR' ? `'${operand}' is a directory` : `can't remove '${operand}': ${error.message}`,
  );
});

const rmdir = command((self) => {
  const options = self.options('p', { parents: 'p', 'ignore-fail-on-non-empty': 'p' });
  const { files } = self.process;
  return forEach(
    self,
    options.operands,
    (path) => {
      if (files.stat(path).type !== 'directory') throw new FileError('ENOTDIR', path);
      files.remove(path);
    },
    (operand, error) => `'${operand}': ${error.message}`,
  );
});

const mkdir = command((self) => {
  const options = self.options('pm:v', { parents: 'p', mode: 'm', verbose: 'v' });
  const { files } = self.process;
  const mode = options.value('m');
  return forEach(
    self,
    options.operands,
    (path) => {
      if (options.has('p') && files.exists(path) && files.stat(path).type === 'directory') return;
      files.makeDirectory(path, {
        recursive: options.has('p'),
        ...(mode === undefined ? {} : { mode: changeMode(mode, 0o777, true) }),
      });
    },
    (operand, error) => `can't create directory '${operand}': ${error.message}`,
  );
});

/** Into a directory under its own name, or to the name given. */
function destination(self: Command, source: string, target: string, intoDirectory: boolean): string {
  if (!intoDirectory) return self.path(target);
  const name = source.replace(/\/+$/, '').split('/').at(-1) ?? source;
  return self.path(`${target.replace(/\/+$/, '')}/${name}`);
}

function isDirectory(self: Command, path: string): boolean {
  const { files } = self.process;
  return files.exists(self.path(path)) && files.stat(self.path(path)).type === 'directory';
}

function sourcesAndTarget(
  operands: readonly string[],
  into: string | undefined,
): [readonly string[], string] {
  const sources = into === undefined ? operands.slice(0, -1) : operands;
  const target = into ?? operands.at(-1);
  if (sources.length === 0 || target === undefined) throw new CommandFailure('missing operand');
  return [sources, target];
}

const mv = command(async (self) => {
  const options = self.options('finvt:T', { force: 'f', 'no-clobber': 'n', verbose: 'v' });
  const [sources, target] = sourcesAndTarget(options.operands, options.value('t'));
  const into = isDirectory(self, target);
  if (sources.length > 1 && !into) throw new CommandFailure(`target '${target}' is not a directory`);
  const { files } = self.process;
  return forEach(
    self,
    sources,
    (path, operand) => {
      const to = destination(self, operand, target, into);
      if (options.has('n') && files.exists(to)) return;
      try {
        files.rename(path, to);
      } catch (error) {
        if (!(error instanceof FileError) || error.code !== 'EXDEV') throw error;
        copy(self, path, to, { recursive: true, preserve: true }, 0);
        files.remove(path, { recursive: true });
      }
    },
    (operand, error) => `can't rename '${operand}': ${error.message}`,
  );
});

interface CopyOptions {
  recursive: boolean;
  preserve: boolean;
}

function copy(self: Command, from: string, to: string, options: CopyOptions, depth: number): void {
  const { files } = self.process;
  if (depth > DEEPEST) throw new FileError('ELOOP', from);
  const stat = files.stat(from, { followSymlinks: !options.recursive });
  if (stat.type === 'directory') {
    if (!options.recursive) throw new FileError('EISDIR', from);
    const names = files.list(from);
    if (!files.exists(to)) files.makeDirectory(to, { mode: stat.mode });
    for (const name of names) copy(self, `${from}/${name}`, `${to}/${name}`, options, depth + 1);
  } else if (stat.type === 'symlink') {
    if (files.exists(to)) files.remove(to);
    files.symlink(stat.target ?? '', to);
    return;
  } else {
    files.write(to, files.read(from), { mode: stat.mode });
  }
  if (!options.preserve) return;
  files.setMode(to, stat.mode);
  files.setModified(to, stat.modifiedAtMs);
  if (self.process.uid === 0) files.setOwner(to, stat.uid, stat.gid);
}

const cp = command(async (self) => {
  const options = self.options('rRaLPpfinuvdt:T', { recursive: 'r', archive: 'a', force: 'f', verbose: 'v' });
  const [sources, target] = sourcesAndTarget(options.operands, options.value('t'));
  const into = isDirectory(self, target);
  if (sources.length > 1 && !into) throw new CommandFailure(`target '${target}' is not a directory`);
  const recursive = ['r', 'R', 'a'].some((each) => options.has(each));
  const preserve = options.has('a') || options.has('p');
  return forEach(
    self,
    sources,
    (path, operand) => {
      const name = operand.endsWith('/.') ? '.' : operand;
      const to = name === '.' ? self.path(target) : destination(self, operand, target, into);
      if (options.has('n') && self.process.files.exists(to)) return;
      copy(self, path, to, { recursive, preserve }, 0);
    },
    (operand, error) =>
      error.code === 'EISDIR'
        ? `omitting directory '${operand}'`
        : `can't stat '${operand}': ${error.message}`,
  );
});

/** Hard links are copies: nothing here counts links. */
const ln = command((self) => {
  const options = self.options('sfnvrT', { symbolic: 's', force: 'f', 'no-dereference': 'n' });
  const operands = options.operands.length === 1 ? [...options.operands, '.'] : options.operands;
  const [sources, target] = sourcesAndTarget(operands, undefined);
  const { files } = self.process;
  const into = isDirectory(self, target) && !options.has('n') && !options.has('T');
  return forEach(
    self,
    sources,
    (path, operand) => {
      const to = destination(self, operand, target, into);
      if (options.has('f')) {
        try {
          files.remove(to);
        } catch (error) {
          if (!(error instanceof FileError) || error.code !== 'ENOENT') throw error;
        }
      }
      if (options.has('s')) files.symlink(operand, to);
      else copy(self, path, to, { recursive: false, preserve: true }, 0);
    },
    (_, error) => `${target}: ${error.message}`,
  );
});

/** Everything below a path, it first. */
export function* walk(self: Command, path: string, depth = 0): Generator<string> {
  yield path;
  const { files } = self.process;
  if (depth > DEEPEST || files.stat(path, { followSymlinks: false }).type !== 'directory') return;
  for (const name of files.list(path))
    yield* walk(self, path === '/' ? `/${name}` : `${path}/${name}`, depth + 1);
}

const chmod = command((self) => {
  // A mode may begin with a minus.
  const args = self.args.map((each) => (/^-[rwxXst]+$/.test(each) && each !== '-R' ? `a${each}` : each));
  const options = parseOptions(args, 'Rvcf', { recursive: 'R', verbose: 'v' });
  const [mode, ...operands] = options.operands;
  if (mode === undefined) throw new CommandFailure('missing operand');
  const { files } = self.process;
  return forEach(
    self,
    operands,
    (path) => {
      for (const each of options.has('R') ? walk(self, path) : [path]) {
        const stat = files.stat(each);
        files.setMode(each, changeMode(mode, stat.mode, stat.type === 'directory'));
      }
    },
    (operand, error) => `${operand}: ${error.message}`,
  );
});

const chown = command((self) => {
  const options = self.options('RvcfhLPH', { recursive: 'R' });
  const [owner, ...operands] = options.operands;
  if (owner === undefined) throw new CommandFailure('missing operand');
  const { files } = self.process;
  const [user, group] = self.name === 'chgrp' ? ['', owner] : owner.split(/[:.]/);
  const uid = idNamed(self, '/etc/passwd', user!);
  const gid = idNamed(self, '/etc/group', group ?? '');
  return forEach(
    self,
    operands,
    (path) => {
      for (const each of options.has('R') ? walk(self, path) : [path]) {
        const stat = files.stat(each, { followSymlinks: false });
        files.setOwner(each, uid ?? stat.uid, gid ?? stat.gid);
      }
    },
    (operand, error) => `${operand}: ${error.message}`,
  );
});

/** A number, or a name that the file knows; undefined when it is empty. */
function idNamed(self: Command, database: string, name: string): number | undefined {
  if (name === '') return undefined;
  if (/^\d+$/.test(name)) return Number(name);
  const { files } = self.process;
  const text = files.exists(database) ? Buffer.from(files.read(database)).toString() : '';
  const line = text.split('\n').find((each) => each.startsWith(`${name}:`));
  if (line === undefined) throw new CommandFailure(`unknown user ${name}`);
  return Number(line.split(':')[2]);
}

const mktemp = command(async (self) => {
  const options = self.options('dqut:p:', { directory: 'd', tmpdir: 'p' });
  const directory = options.value('p') ?? self.process.env.get('TMPDIR') ?? '/tmp';
  const template = options.operands[0] ?? 'tmp.XXXXXX';
  const name = template.replace(/X{3,}/, (places) => randomId().repeat(4).slice(0, places.length));
  const path = template.includes('/') ? self.path(name) : `${directory}/${name}`;
  const { files } = self.process;
  if (options.has('d')) files.makeDirectory(path, { mode: 0o700 });
  else files.write(path, EMPTY, { mode: 0o600 });
  await self.print(`${path}\n`);
  return 0;
});

export const FILE_CHANGE_PROGRAMS: Programs = {
  touch,
  rm,
  unlink: rm,
  rmdir,
  mkdir,
  mv,
  cp,
  ln,
  chmod,
  chown,
  chgrp: chown,
  mktemp,
  sync: command(() => 0),
};
