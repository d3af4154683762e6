/**
 * How a record lies in a journal: its length and checksum, so that a record that was torn by the
 * end of the process is known for what it is, then a head as JSON and a body of bytes.
 */

import { appendFileSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

export interface JournalRecord {
  readonly head: unknown;
  readonly body: Uint8Array;
}

export interface StoredRecord extends JournalRecord {
  /** What it takes in the journal. */
  readonly bytes: number;
}

const FRAME_BYTES = 12;
/** No record is longer: what claims to be is damage. */
const MAX_RECORD_BYTES = 1024 * 1024 * 1024;
/** How much of a new file is written at a time. */
const BATCH_BYTES = 1024 * 1024;

/** Length of what follows the checksum, checksum of it, length of the head, head, body. */
export function encodeRecord({ head, body }: JournalRecord): Buffer {
  const text = JSON.stringify(head);
  const headBytes = Buffer.byteLength(text);
  const record = Buffer.allocUnsafe(FRAME_BYTES + headBytes + body.length);
  record.writeUInt32LE(4 + headBytes + body.length, 0);
  record.writeUInt32LE(headBytes, 8);
  record.write(text, FRAME_BYTES);
  record.set(body, FRAME_BYTES + headBytes);
  record.writeUInt32LE(crc32(record.subarray(8)), 4);
  return record;
}

/** The records of a journal up to the first that is not whole, and how many bytes they take. */
export function decodeRecords(journal: Buffer): { records: StoredRecord[]; wholeBytes: number } {
  const records: StoredRecord[] = [];
  let at = 0;
  while (at + FRAME_BYTES <= journal.length) {
    const end = at + 8 + journal.readUInt32LE(at);
    const headEnd = at + FRAME_BYTES + journal.readUInt32LE(at + 8);
    if (end > journal.length || headEnd > end || end - at > MAX_RECORD_BYTES) break;
    if (crc32(journal.subarray(at + 8, end)) !== journal.readUInt32LE(at + 4)) break;
    const head: unknown = JSON.parse(journal.toString('utf8', at + FRAME_BYTES, headEnd));
    records.push({ head, body: journal.subarray(headEnd, end), bytes: end - at });
    at = end;
  }
  return { records, wholeBytes: at };
}

/** Writes a file of them. Returns its size. */
export function writeRecords(path: string, records: Iterable<JournalRecord>): number {
  writeFileSync(path, '', { mode: 0o600 });
  let fileBytes = 0;
  let batch: Buffer[] = [];
  let batchBytes = 0;
  const write = (): void => {
    appendFileSync(path, Buffer.concat(batch));
    fileBytes += batchBytes;
    batch = [];
    batchBytes = 0;
  };
  for (const record of records) {
    const bytes = encodeRecord(record);
    batch.push(bytes);
    batchBytes += bytes.length;
    if (batchBytes >= BATCH_BYTES) write();
  }
  write();
  return fileBytes;
}
