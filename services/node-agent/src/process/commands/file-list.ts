/** Commands that look at files: ls, stat, du, df, find, readlink, realpath, file. */

import { FileError, type FileStat } from '../../files/file-system.ts';
import {
  command,
  type Command,
  CommandFailure,
  type Options,
  parseOptions,
  type Programs,
} from './command.ts';
import { formatDate } from './date.ts';
import { find } from './find.ts';
import { formatMode } from './mode.ts';
import { ownerNames } from './owners.ts';
import { humanSize } from './size.ts';

const BLOCK_BYTES = 4_096;

interface Entry {
  name: string;
  path: string;
  stat: FileStat;
}

const LONG_LS: Readonly<Record<string, string>> = {
  all: 'a',
  'almost-all': 'A',
  'human-readable': 'h',
  recursive: 'R',
  reverse: 'r',
  directory: 'd',
  color: 'G',
  'full-time': 'e',
};

const ls = command(async (self) => {
  const args = self.args.map((each) => (each.startsWith('--color=') ? '--color' : each));
  const options = new LsOptions(self, args);
  let status = 0;
  const files: Entry[] = [];
  const directories: Entry[] = [];
  for (const operand of options.operands) {
    try {
      const path = self.path(operand);
      const entry = { name: operand, path, stat: statFor(self, path, options.keepsLinks) };
      if (entry.stat.type === 'directory' && !options.has('d')) directories.push(entry);
      else files.push(entry);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      status = self.complain(`${operand}: ${error.message}`);
    }
  }
  await options.list(files, false);
  for (const [index, directory] of directories.entries()) {
    const isTitled = options.has('R') || options.operands.length > 1;
    await options.listDirectory(directory, isTitled, index > 0 || files.length > 0, 0);
  }
  return status;
});

/** A link that leads nowhere is shown as a link in any case. */
function statFor(self: Command, path: string, keepsLinks: boolean): FileStat {
  const { files } = self.process;
  return files.stat(path, { followSymlinks: !keepsLinks && files.exists(path) });
}

class LsOptions {
  readonly operands: readonly string[];
  readonly isLong: boolean;
  /** Operands that are links are shown as links with `-l`, and followed without. */
  readonly keepsLinks: boolean;
  readonly #self: Command;
  readonly #options: Options;

  constructor(self: Command, args: readonly string[]) {
    this.#self = self;
    this.#options = parseLs(args);
    this.operands = this.#options.operands.length === 0 ? ['.'] : this.#options.operands;
    this.isLong = ['l', 'n', 'g', 'o'].some((each) => this.#options.has(each));
    this.keepsLinks = this.isLong && !this.has('L');
  }

  has(letter: string): boolean {
    return this.#options.has(letter);
  }

  async listDirectory(directory: Entry, isTitled: boolean, isLater: boolean, depth: number): Promise<void> {
    const { files } = this.#self.process;
    if (isTitled) await this.#self.print(`${isLater ? '\n' : ''}${directory.name}:\n`);
    const names = files
      .list(directory.path)
      .filter((name) => this.has('a') || this.has('A') || !name.startsWith('.'));
    const entries: Entry[] = names.map((name) => {
      const path = directory.path === '/' ? `/${name}` : `${directory.path}/${name}`;
      return { name, path, stat: statFor(this.#self, path, !this.has('L')) };
    });
    if (this.has('a'))
      for (const name of ['..', '.'])
        entries.unshift({
          name,
          path: `${directory.path}/${name}`,
          stat: files.stat(`${directory.path}/${name}`),
        });
    await this.list(entries, true);
    if (!this.has('R') || depth > 32) return;
    for (const { name, path, stat } of entries)
      if (stat.type === 'directory' && name !== '.' && name !== '..')
        await this.listDirectory(
          { name: `${directory.name.replace(/\/$/, '')}/${name}`, path, stat },
          true,
          true,
          depth + 1,
        );
  }

  async list(entries: Entry[], showsTotal: boolean): Promise<void> {
    const sorted = this.#sort(entries);
    if (this.isLong) {
      const blocks = sorted.reduce((sum, { stat }) => sum + Math.ceil(stat.sizeBytes / BLOCK_BYTES) * 4, 0);
      if (showsTotal) await this.#self.print(`total ${this.has('h') ? humanSize(blocks * 1_024) : blocks}\n`);
      await this.#self.print(this.#longLines(sorted));
      return;
    }
    const names = sorted.map((each) => this.#nameOf(each));
    if (names.length === 0) return;
    const { terminal } = this.#self.process;
    await this.#self.print(
      terminal !== undefined && !this.has('1') ? columns(names, terminal.columns) : `${names.join('\n')}\n`,
    );
  }

  #sort(entries: Entry[]): Entry[] {
    const sorted = [...entries];
    if (this.has('S')) sorted.sort((a, b) => b.stat.sizeBytes - a.stat.sizeBytes);
    else if (this.has('t')) sorted.sort((a, b) => b.stat.modifiedAtMs - a.stat.modifiedAtMs);
    return this.has('r') ? sorted.reverse() : sorted;
  }

  #nameOf({ name, stat }: Entry): string {
    const inode = this.has('i') ? '1 ' : '';
    if (stat.type === 'directory' && (this.has('F') || this.has('p'))) return `${inode}${name}/`;
    if (this.has('F') && stat.type === 'file' && (stat.mode & 0o111) !== 0) return `${inode}${name}*`;
    return inode + name;
  }

  #longLines(entries: readonly Entry[]): string {
    const owners = ownerNames(this.#self, this.has('n'));
    const nowMs = this.#self.process.clock.now();
    const rows = entries.map((entry) => {
      const { stat } = entry;
      const size = this.has('h') ? humanSize(stat.sizeBytes) : String(stat.sizeBytes);
      const isRecent = Math.abs(nowMs - stat.modifiedAtMs) < 15_552_000_000;
      const at = formatDate(
        this.has('e') ? '%Y-%m-%d %H:%M:%S +0000' : isRecent ? '%b %e %H:%M' : '%b %e  %Y',
        stat.modifiedAtMs,
      );
      const target = stat.type === 'symlink' ? ` -> ${stat.target ?? ''}` : '';
      const links = stat.type === 'directory' ? 2 : 1;
      return [
        formatMode(stat),
        String(links),
        owners.user(stat.uid),
        owners.group(stat.gid),
        size,
        at,
        this.#nameOf(entry) + target,
      ];
    });
    const width = (column: number): number => Math.max(0, ...rows.map((row) => row[column]!.length));
    const widths = [width(1), width(2), width(3), width(4)];
    return rows
      .map(
        ([mode, links, user, group, size, at, name]) =>
          `${mode} ${links!.padStart(Math.max(4, widths[0]!))} ${user!.padEnd(Math.max(8, widths[1]!))} ${group!.padEnd(Math.max(8, widths[2]!))} ${size!.padStart(Math.max(9, widths[3]!))} ${at} ${name}\n`,
      )
      .join('');
  }
}

function parseLs(args: readonly string[]): Options {
  return parseOptions(args, 'aAlhR1drtSFpinogGkeuscLHXxCmqZw:T:', LONG_LS);
}

/** Down and then across, as wide as the terminal allows; one that has not said is 80 wide. */
function columns(names: readonly string[], said: number): string {
  const width = said === 0 ? 80 : said;
  const widest = Math.max(...names.map((name) => name.length)) + 2;
  const across = Math.max(1, Math.floor(width / widest));
  const down = Math.ceil(names.length / across);
  let text = '';
  for (let row = 0; row < down; row += 1) {
    const line = names.filter((_, index) => index % down === row);
    text += `${line.map((name, index) => (index === line.length - 1 ? name : name.padEnd(widest))).join('')}\n`;
  }
  return text;
}

const stat = command(async (self) => {
  const options = self.options('c:Lft', { format: 'c', dereference: 'L' });
  if (options.operands.length === 0) throw new CommandFailure('missing operand');
  const owners = ownerNames(self, false);
  let status = 0;
  for (const operand of options.operands) {
    let found: FileStat;
    try {
      found = self.process.files.stat(self.path(operand), { followSymlinks: options.has('L') });
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      status = self.complain(`can't stat '${operand}': ${error.message}`);
      continue;
    }
    const octal = found.mode.toString(8).padStart(4, '0');
    const at = formatDate('%Y-%m-%d %H:%M:%S.%N +0000', found.modifiedAtMs);
    const seconds = String(Math.floor(found.modifiedAtMs / 1_000));
    const kind = {
      file: 'regular file',
      directory: 'directory',
      symlink: 'symbolic link',
      device: 'character special file',
    }[found.type];
    const fields: Readonly<Record<string, string>> = {
      a: found.mode.toString(8),
      A: formatMode(found),
      b: String(Math.ceil(found.sizeBytes / 512)),
      F: kind,
      g: String(found.gid),
      G: owners.group(found.gid),
      h: '1',
      n: operand,
      N: `'${operand}'`,
      s: String(found.sizeBytes),
      u: String(found.uid),
      U: owners.user(found.uid),
      x: at,
      y: at,
      z: at,
      X: seconds,
      Y: seconds,
      Z: seconds,
      i: '1',
      '%': '%',
    };
    const format = options.value('c');
    await self.print(
      format === undefined
        ? [
            `  File: ${operand}${found.target === undefined ? '' : ` -> ${found.target}`}`,
            `  Size: ${String(found.sizeBytes).padEnd(10)}\tBlocks: ${fields['b']!.padEnd(10)} IO Block: ${BLOCK_BYTES}   ${kind}`,
            `Device: 1h/1d\tInode: 1           Links: 1`,
            `Access: (${octal}/${formatMode(found)})  Uid: (${String(found.uid).padStart(5)}/${owners.user(found.uid).padStart(8)})   Gid: (${String(found.gid).padStart(5)}/${owners.group(found.gid).padStart(8)})`,
            `Access: ${at}\nModify: ${at}\nChange: ${at}\n`,
          ].join('\n')
        : `${format.replaceAll(/%([a-zA-Z%])/g, (whole, letter: string) => fields[letter] ?? whole)}\n`,
    );
  }
  return status;
});

const du = command(async (self) => {
  const options = self.options('shkmacd:x', {
    summarize: 's',
    'human-readable': 'h',
    'max-depth': 'd',
    all: 'a',
  });
  const deepest = options.has('s') ? 0 : options.number('d', Infinity);
  const { files } = self.process;
  const show = (bytes: number): string =>
    options.has('h') ? humanSize(bytes) : String(Math.ceil(bytes / (options.has('m') ? 1_048_576 : 1_024)));
  let total = 0;
  const measure = async (path: string, name: string, depth: number): Promise<number> => {
    const found = files.stat(path, { followSymlinks: false });
    let bytes = Math.ceil(found.sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
    if (found.type === 'directory') {
      bytes = BLOCK_BYTES;
      if (depth < 64)
        for (const each of files.list(path))
          bytes += await measure(`${path}/${each}`, `${name}/${each}`, depth + 1);
    }
    if (depth === 0 || ((found.type === 'directory' || options.has('a')) && depth <= deepest))
      await self.print(`${show(bytes)}\t${name}\n`);
    return bytes;
  };
  for (const operand of options.operands.length === 0 ? ['.'] : options.operands)
    total += await measure(self.path(operand), operand, 0);
  if (options.has('c')) await self.print(`${show(total)}\ttotal\n`);
  return 0;
});

const df = command(async (self) => {
  const options = self.options('hkmTPia', { 'human-readable': 'h' });
  const show = (bytes: number): string =>
    options.has('h') ? humanSize(bytes) : String(Math.ceil(bytes / 1_024));
  const operands = options.operands.length === 0 ? ['/'] : options.operands;
  await self.print(
    `Filesystem           ${options.has('h') ? '     Size' : '1K-blocks'}      Used Available Use% Mounted on\n`,
  );
  for (const operand of operands) {
    const { totalBytes, usedBytes } = self.process.files.space(self.path(operand));
    const percent = totalBytes === 0 ? 0 : Math.ceil((usedBytes / totalBytes) * 100);
    const figures = [totalBytes, usedBytes, totalBytes - usedBytes]
      .map((bytes) => show(bytes).padStart(9))
      .join(' ');
    await self.print(`${'overlay'.padEnd(20)} ${figures} ${String(percent).padStart(3)}% ${operand}\n`);
  }
  return 0;
});

const readlink = command(async (self) => {
  const options = self.options('fnev', { canonicalize: 'f' });
  const [operand] = options.operands;
  if (operand === undefined) throw new CommandFailure('missing operand');
  const { files } = self.process;
  try {
    const path = self.path(operand);
    const target =
      options.has('f') || options.has('e')
        ? files.realPath(path)
        : files.stat(path, { followSymlinks: false }).target;
    if (target === undefined) return 1;
    await self.print(options.has('n') ? target : `${target}\n`);
    return 0;
  } catch (error) {
    if (error instanceof FileError) return 1;
    throw error;
  }
});

const realpath = command(async (self) => {
  const options = self.options('es');
  for (const operand of options.operands.length === 0 ? ['.'] : options.operands)
    await self.print(`${self.process.files.realPath(self.path(operand))}\n`);
  return 0;
});

const file = command(async (self) => {
  for (const operand of self.args.filter((each) => !each.startsWith('-'))) {
    const found = self.process.files.stat(self.path(operand));
    const content =
      found.type === 'file'
        ? Buffer.from(self.process.files.read(self.path(operand)).subarray(0, 512))
        : Buffer.alloc(0);
    const kind =
      found.type !== 'file'
        ? found.type
        : content.length === 0
          ? 'empty'
          : content.includes(0)
            ? 'data'
            : content.toString().startsWith('#!')
              ? 'script, ASCII text executable'
              : 'ASCII text';
    await self.print(`${operand}: ${kind}\n`);
  }
  return 0;
});

const tree = command(async (self) => {
  const root = self.args.find((each) => !each.startsWith('-')) ?? '.';
  const counts = { directories: 0, files: 0 };
  const { files } = self.process;
  const show = async (path: string, indent: string, depth: number): Promise<void> => {
    const names = files.list(path).filter((name) => !name.startsWith('.') || self.args.includes('-a'));
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const found = files.stat(`${path}/${name}`, { followSymlinks: false });
      await self.print(
        `${indent}${isLast ? '└── ' : '├── '}${name}${found.target === undefined ? '' : ` -> ${found.target}`}\n`,
      );
      counts[found.type === 'directory' ? 'directories' : 'files'] += 1;
      if (found.type === 'directory' && depth < 32)
        await show(`${path}/${name}`, `${indent}${isLast ? '    ' : '│   '}`, depth + 1);
    }
  };
  await self.print(`${root}\n`);
  await show(self.path(root), '', 0);
  await self.print(`\n${counts.directories} directories, ${counts.files} files\n`);
  return 0;
});

export const FILE_LIST_PROGRAMS: Programs = {
  ls,
  dir: ls,
  stat,
  du,
  df,
  readlink,
  realpath,
  file,
  tree,
  find,
};
