/** Reading one file out of a zip archive. */

import { createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

/** The archive is damaged, of a form not read here, or lacks the entry. */
export class ZipError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ZipError';
  }
}

/** Where one file is in an archive (APPNOTE.TXT 4.3.12, central directory header). */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly headerOffset: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;
/** A field of this value stands in a zip64 record, which archives of this size do not need. */
const IN_ZIP64 = 0xffffffff;

/**
 * Writes one file of an archive to `target`, with the given mode.
 * @throws ZipError
 */
export async function extractFile(
  archivePath: string,
  name: string,
  target: string,
  mode: number,
): Promise<void> {
  const archive = await open(archivePath);
  try {
    const entry = (await listEntries(archive)).find((each) => each.name === name);
    if (entry === undefined) throw new ZipError(`${archivePath} holds no ${name}`);
    const start = await dataOffset(archive, entry);
    const output = createWriteStream(target, { mode });
    if (entry.compressedBytes === 0) {
      await pipeline([], output);
      return;
    }
    const input = archive.createReadStream({
      start,
      end: start + entry.compressedBytes - 1,
      autoClose: false,
    });
    if (entry.method === DEFLATED) await pipeline(input, createInflateRaw(), output);
    else await pipeline(input, output);
    if (output.bytesWritten !== entry.bytes) throw new ZipError(`${name} in ${archivePath} is damaged`);
  } finally {
    await archive.close();
  }
}

/** The entries of an archive, from its central directory. @throws ZipError */
export async function listEntries(archive: FileHandle): Promise<ZipEntry[]> {
  const { size } = await archive.stat();
  const tail = await readAt(archive, Math.max(0, size - END_BYTES - LONGEST_COMMENT), size);
  const end = endRecord(tail);
  const directoryBytes = end.readUInt32LE(12);
  const directoryOffset = end.readUInt32LE(16);
  if (directoryOffset === IN_ZIP64) throw new ZipError('zip64 archives are not read here');
  const directory = await readAt(archive, directoryOffset, directoryOffset + directoryBytes);
  const entries: ZipEntry[] = [];
  for (let at = 0; at + CENTRAL_BYTES <= directory.length;) {
    if (directory.readUInt32LE(at) !== CENTRAL_SIGNATURE)
      throw new ZipError('the central directory is damaged');
    const nameBytes = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes),
      method: directory.readUInt16LE(at + 10),
      compressedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
    });
    at += CENTRAL_BYTES + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/** The end record stands before a comment of unknown length, so it is looked for from behind. */
function endRecord(tail: Buffer): Buffer {
  for (let at = tail.length - END_BYTES; at >= 0; at -= 1) {
    const fits =
      tail.readUInt32LE(at) === END_SIGNATURE && at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length;
    if (fits) return tail.subarray(at);
  }
  throw new ZipError('this is not a zip archive');
}

/** The data follow a local header, whose lengths may differ from those of the central directory. */
async function dataOffset(archive: FileHandle, { name, method, headerOffset }: ZipEntry): Promise<number> {
  if (method !== STORED && method !== DEFLATED)
    throw new ZipError(`${name} is compressed by unknown method ${method}`);
  const header = await readAt(archive, headerOffset, headerOffset + LOCAL_BYTES);
  if (header.length < LOCAL_BYTES || header.readUInt32LE(0) !== LOCAL_SIGNATURE) {
    throw new ZipError(`the header of ${name} is damaged`);
  }
  return headerOffset + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
}

async function readAt(archive: FileHandle, start: number, end: number): Promise<Buffer> {
  const { buffer, bytesRead } = await archive.read(Buffer.alloc(end - start), 0, end - start, start);
  return buffer.subarray(0, bytesRead);
}
