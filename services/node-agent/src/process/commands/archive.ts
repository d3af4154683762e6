/** `tar` (kubectl cp needs it), gzip and gunzip. */

import { promisify } from 'node:util';
import { gunzip as gunzipBuffer, gzip as gzipBuffer } from 'node:zlib';
import { extract, pack, type Header as TarHeader } from 'tar-stream';
import { FileError } from '../../files/file-system.ts';
import {
  command,
  type Command,
  CommandFailure,
  LARGEST_INPUT_BYTES,
  parseOptions,
  type Programs,
} from './command.ts';
import { formatDate } from './date.ts';
import { formatMode } from './mode.ts';
import { walk } from './file-change.ts';

const compress = promisify(gzipBuffer);
const expand = promisify(gunzipBuffer);

/** What an archive may hold; trees have limits of their own. */
const LARGEST_ARCHIVE_BYTES = 256 * 1024 * 1024;

const LONG: Readonly<Record<string, string>> = {
  create: 'c',
  extract: 'x',
  get: 'x',
  list: 't',
  file: 'f',
  directory: 'C',
  verbose: 'v',
  gzip: 'z',
  touch: 'm',
  'no-same-owner': 'o',
  'same-permissions': 'p',
  'preserve-permissions': 'p',
  'strip-components': 'S',
  exclude: 'X',
  'no-same-permissions': 'O',
  overwrite: 'k',
  warning: 'W',
};

const tar = command(async (self) => {
  // The letters of the first word may come without a hyphen.
  const args = /^[cxtfvzmpo]+$/.test(self.args[0] ?? '')
    ? [`-${self.args[0]}`, ...self.args.slice(1)]
    : self.args;
  const options = parseOptions(args, 'cxtf:C:vzmopS:X:OkW:PhT:', LONG);
  const at = self.path(options.value('C') ?? '.');
  const file = options.value('f') ?? '-';
  if (options.has('c'))
    return createArchive(self, at, options.operands, file, options.has('z'), options.has('v'));
  if (!options.has('x') && !options.has('t')) throw new CommandFailure('must specify one of -c, -x, -t');
  let bytes: Buffer = await self.readBytes(self.open(file), LARGEST_ARCHIVE_BYTES);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    bytes = await self.wait(expand(bytes, { maxOutputLength: LARGEST_ARCHIVE_BYTES }));
  await readArchive(self, bytes, async (header, content) => {
    if (
      options.operands.length > 0 &&
      !options.operands.some(
        (each) => header.name === each || header.name.startsWith(`${each.replace(/\/$/, '')}/`),
      )
    )
      return;
    if (options.has('t')) await self.print(options.has('v') ? listLine(header) : `${header.name}\n`);
    else {
      if (options.has('v')) await self.print(`${header.name}\n`);
      extractEntry(self, at, header, content, { strip: options.number('S', 0), touches: options.has('m') });
    }
  });
  return 0;
});

async function createArchive(
  self: Command,
  at: string,
  names: readonly string[],
  file: string,
  zipped: boolean,
  verbose: boolean,
): Promise<number> {
  if (names.length === 0) throw new CommandFailure('empty archive');
  const { files } = self.process;
  const archive = pack();
  const chunks: Buffer[] = [];
  const whole = (async () => {
    for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  })();
  let status = 0;
  for (const name of names) {
    try {
      const base = at.endsWith('/') ? at : `${at}/`;
      const root = name.startsWith('/') ? name : base + name;
      for (const path of walk(self, root)) {
        const stat = files.stat(path, { followSymlinks: false });
        const label = (name + path.slice(root.length)).replace(/^\/+/, '');
        const header = {
          name: stat.type === 'directory' ? `${label}/` : label,
          mode: stat.mode,
          uid: stat.uid,
          gid: stat.gid,
          mtime: new Date(stat.modifiedAtMs),
        };
        if (verbose) await self.printError(`${header.name}\n`);
        if (stat.type === 'directory') archive.entry({ ...header, type: 'directory' as const });
        else if (stat.type === 'symlink')
          archive.entry({ ...header, type: 'symlink', linkname: stat.target ?? '' });
        else if (stat.type === 'file')
          archive.entry({ ...header, type: 'file' }, Buffer.from(files.read(path)));
      }
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      status = self.complain(`${name}: ${error.message}`);
    }
  }
  archive.finalize();
  await self.wait(whole);
  const bytes = zipped ? await self.wait(compress(Buffer.concat(chunks))) : Buffer.concat(chunks);
  const sink = file === '-' ? self.process.stdout : self.create(file);
  for (let offset = 0; offset < bytes.length; offset += OUTPUT_BYTES)
    await self.wait(sink.write(bytes.subarray(offset, offset + OUTPUT_BYTES)));
  return status;
}

const OUTPUT_BYTES = 64 * 1024;

async function readArchive(
  self: Command,
  bytes: Buffer,
  visit: (header: TarHeader, content: Buffer) => Promise<void>,
): Promise<void> {
  const archive = extract();
  archive.end(bytes);
  try {
    for await (const entry of archive) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
      await visit(entry.header, Buffer.concat(chunks));
    }
  } catch (error) {
    if (error instanceof FileError || error instanceof CommandFailure) throw error;
    throw new CommandFailure('invalid tar magic');
  }
  await self.wait(undefined);
}

function extractEntry(
  self: Command,
  at: string,
  header: TarHeader,
  content: Buffer,
  options: { strip: number; touches: boolean },
): void {
  const { files, clock, uid } = self.process;
  const names = header.name
    .split('/')
    .filter((each) => each !== '' && each !== '.' && each !== '..')
    .slice(options.strip);
  if (names.length === 0) return;
  const path = `${at === '/' ? '' : at}/${names.join('/')}`;
  const parent = path.replace(/\/[^/]*$/, '') || '/';
  if (!files.exists(parent)) files.makeDirectory(parent, { recursive: true });
  if (header.type === 'directory') {
    if (!files.exists(path)) files.makeDirectory(path, { recursive: true });
  } else if (header.type === 'symlink') {
    if (files.exists(path)) files.remove(path);
    files.symlink(header.linkname ?? '', path);
    return;
  } else if (header.type === 'file' || header.type === 'contiguous-file') {
    files.write(path, content);
  } else {
    return;
  }
  if (header.mode !== undefined) files.setMode(path, header.mode & 0o7777);
  if (uid === 0) files.setOwner(path, header.uid ?? 0, header.gid ?? 0);
  files.setModified(path, options.touches ? clock.now() : (header.mtime?.getTime() ?? clock.now()));
}

function listLine(header: TarHeader): string {
  const type = header.type === 'directory' ? 'directory' : header.type === 'symlink' ? 'symlink' : 'file';
  const at = formatDate('%Y-%m-%d %H:%M:%S', header.mtime?.getTime() ?? 0);
  return `${formatMode({ type, mode: header.mode ?? 0o644 })} ${header.uid ?? 0}/${header.gid ?? 0} ${String(header.size ?? 0).padStart(9)} ${at} ${header.name}\n`;
}

/** Files take the suffix on and off; without a file it is a filter. */
const gzip = command(async (self) => {
  const options = self.options('cdfknvq123456789', { decompress: 'd', stdout: 'c', force: 'f', keep: 'k' });
  const isDecompressing = options.has('d') || self.name !== 'gzip';
  const toOutput = options.has('c') || self.name === 'zcat';
  const work = (bytes: Buffer): Promise<Buffer> =>
    (isDecompressing ? expand(bytes, { maxOutputLength: LARGEST_ARCHIVE_BYTES }) : compress(bytes)).catch(
      () => {
        throw new CommandFailure('invalid magic');
      },
    );
  const operands = options.operands.length === 0 ? ['-'] : options.operands;
  for (const path of operands) {
    const result = await self.wait(work(await self.readBytes(self.open(path), LARGEST_INPUT_BYTES)));
    if (path === '-' || toOutput) {
      await self.print(result);
      continue;
    }
    const target = isDecompressing ? path.replace(/\.gz$/, '') : `${path}.gz`;
    if (target === path) throw new CommandFailure(`${path}: unknown suffix - ignored`);
    self.process.files.write(self.path(target), result);
    if (!options.has('k')) self.process.files.remove(self.path(path));
  }
  return 0;
});

export const ARCHIVE_PROGRAMS: Programs = { tar, gzip, gunzip: gzip, zcat: gzip };
