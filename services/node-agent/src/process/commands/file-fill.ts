/** Commands that fill files: dd, truncate, fallocate. */

import { FileError } from '../../files/file-system.ts';
import { command, type Command, CommandFailure, type Programs } from './command.ts';
import { parseSize } from './size.ts';

const EMPTY = new Uint8Array();

/** What one write adds; the file system says when it is full. */
const FILL_BYTES = 1024 * 1024;

/** Makes files as long as they are told to be. */
function resize(self: Command, operands: readonly string[], sizeBytes: number, keeps: boolean): number {
  const { files } = self.process;
  let status = 0;
  if (operands.length === 0) throw new CommandFailure('missing operand');
  for (const operand of operands) {
    const path = self.path(operand);
    try {
      const content = keeps && files.exists(path) ? files.read(path) : EMPTY;
      files.write(path, content.slice(0, sizeBytes));
      for (let left = sizeBytes - content.length; left > 0; left -= FILL_BYTES)
        files.write(path, new Uint8Array(Math.min(left, FILL_BYTES)), { append: true });
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      status = self.complain(`${operand}: ${error.message}`);
    }
  }
  return status;
}

const truncate = command((self) => {
  const options = self.options('s:c', { size: 's' });
  return resize(self, options.operands, parseSize(options.value('s') ?? '0'), true);
});

/** `if=`, `of=`, `bs=`, `count=`, `skip=`, `seek=`, `conv=notrunc`, `status=`. */
const dd = command(async (self) => {
  const settings = new Map(self.args.map((each) => each.split(/=(.*)/s) as [string, string]));
  const blockBytes = parseSize(settings.get('bs') ?? '512');
  const count = settings.has('count') ? parseSize(settings.get('count')!) : Infinity;
  const from = settings.get('if');
  const to = settings.get('of');
  const input = self.open(from ?? '-');
  const seekBytes = parseSize(settings.get('seek') ?? '0') * blockBytes;
  const keeps = seekBytes > 0 || settings.get('conv')?.includes('notrunc') === true;
  const output = to === undefined ? self.process.stdout : self.create(to, { append: keeps });
  for (let left = parseSize(settings.get('skip') ?? '0') * blockBytes; left > 0;) {
    const skipped = await input.readBytes(left);
    if (skipped === undefined) break;
    left -= skipped.length;
  }
  const startedAtMs = self.process.clock.now();
  let copiedBytes = 0;
  let owedMs = 0;
  let problem: FileError | undefined;
  const limitBytes = count * blockBytes;
  while (copiedBytes < limitBytes) {
    const chunk = await self.wait(input.readBytes(Math.min(limitBytes - copiedBytes, FILL_BYTES)));
    if (chunk === undefined) break;
    try {
      await self.wait(output.write(chunk));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      problem = error;
      break;
    }
    copiedBytes += chunk.length;
    // A device gives without end; a disk takes its time, which is too short to wait for each block.
    owedMs += chunk.length / DISK_BYTES_PER_MS;
    if (owedMs < DISK_PAUSE_MS) continue;
    await self.wait(self.process.usage.work(owedMs));
    owedMs = 0;
  }
  if (problem !== undefined) self.complain(`error writing '${to ?? 'standard output'}': ${problem.message}`);
  if (settings.get('status') !== 'none') await reportCopy(self, copiedBytes, blockBytes, startedAtMs);
  return problem === undefined ? 0 : 1;
});

/** 1 GB a second. */
const DISK_BYTES_PER_MS = 1_000_000;

/** A timer of this machine is late by a good part of a millisecond. */
const DISK_PAUSE_MS = 16;

async function reportCopy(
  self: Command,
  bytes: number,
  blockBytes: number,
  startedAtMs: number,
): Promise<void> {
  const records = `${Math.floor(bytes / blockBytes)}+${bytes % blockBytes === 0 ? 0 : 1}`;
  const seconds = Math.max(0.000_001, (self.process.clock.now() - startedAtMs) / 1_000);
  const rate = (bytes / seconds / 1_048_576).toFixed(1);
  const amount = bytes < 1_024 ? `${bytes} bytes` : `${bytes} bytes (${(bytes / 1_048_576).toFixed(1)}MB)`;
  await self.printError(
    `${records} records in\n${records} records out\n${amount} copied, ${seconds.toFixed(6)} seconds, ${rate}MB/s\n`,
  );
}

const fallocate = command((self) => {
  const options = self.options('l:o:n', { length: 'l' });
  return resize(self, options.operands, parseSize(options.value('l') ?? '0'), false);
});

export const FILE_FILL_PROGRAMS: Programs = { dd, truncate, fallocate };
