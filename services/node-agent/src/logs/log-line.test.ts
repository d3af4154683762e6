import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineCutter, LogTimes, MAX_RECORD_BYTES, parseRecord } from './log-line.ts';

const NOON_MS = Date.UTC(2026, 0, 1, 12);

function recordsOf(chunks: readonly string[]): string[] {
  const cutter = new LineCutter('stdout');
  const times = new LogTimes();
  const time = (): string => times.next(NOON_MS);
  const records = chunks.flatMap((chunk) => cutter.cut(Buffer.from(chunk), time));
  return [...records, ...cutter.end(time)].map(String);
}

describe('a record of the log', () => {
  it('has time, stream, tag and content', () => {
    expect(recordsOf(['hello\nworld\n'])).toEqual([
      '2026-01-01T12:00:00.000000000Z stdout F hello\n',
      '2026-01-01T12:00:00.000000001Z stdout F world\n',
    ]);
  });

  it('waits for the end of its line, and is written without one at the end of the program', () => {
    const cutter = new LineCutter('stderr');
    const time = (): string => 'T';
    expect(cutter.cut(Buffer.from('half'), time)).toEqual([]);
    expect(cutter.cut(Buffer.from(' and half\nrest'), time).map(String)).toEqual([
      'T stderr F half and half\n',
    ]);
    expect(cutter.end(time).map(String)).toEqual(['T stderr P rest\n']);
    expect(cutter.end(time)).toEqual([]);
  });

  it('holds a piece of a line that is too long', () => {
    const tags = recordsOf([`${'x'.repeat(2 * MAX_RECORD_BYTES + 1)}\n`]).map(
      (record) => record.split(' ')[2],
    );
    expect(tags).toEqual(['P', 'P', 'F']);
    expect(recordsOf([`${'x'.repeat(MAX_RECORD_BYTES)}\n`])).toHaveLength(1);
  });

  it('keeps what a program prints, however it comes in pieces', () => {
    const text = fc.array(
      fc.oneof(fc.string(), fc.constant('\n'), fc.constant('y'.repeat(MAX_RECORD_BYTES - 1))),
    );
    fc.assert(
      fc.property(text, (chunks) => {
        let printed = '';
        for (const record of recordsOf(chunks)) {
          const buffer = Buffer.from(record);
          const parsed = parseRecord(buffer, 0, buffer.length - 1)!;
          expect(parsed.stream).toBe('stdout');
          printed += buffer.toString('utf8', parsed.from, parsed.to) + (parsed.isPartial ? '' : '\n');
        }
        expect(printed).toBe(chunks.join(''));
      }),
    );
  });

  it.each(['', ' ', 'T stdout F', 'T stdout', 'T nowhere F x', 'T stdout Fx y'])(
    'is not read from what was cut off: %j',
    (text) => {
      const buffer = Buffer.from(`${text}\n`);
      expect(parseRecord(buffer, 0, buffer.length - 1)).toBeUndefined();
    },
  );
});

describe('times of records', () => {
  it('go up even when the clock does not', () => {
    const times = new LogTimes();
    const all = [NOON_MS + 0.25, NOON_MS + 0.25, NOON_MS - 5, NOON_MS + 1].map((ms) => times.next(ms));
    expect(all).toEqual([
      '2026-01-01T12:00:00.000250000Z',
      '2026-01-01T12:00:00.000250001Z',
      '2026-01-01T12:00:00.000250002Z',
      '2026-01-01T12:00:00.001000000Z',
    ]);
    expect(all.toSorted()).toEqual(all);
  });
});
