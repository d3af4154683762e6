import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, type Frame, FrameReader, MAX_CONTROL_BYTES } from './frames.ts';
import { SpdyError } from './header-block.ts';

const id = fc.integer({ min: 0, max: 0x7fff_ffff });
const word = fc.integer({ min: 0, max: 0xffff_ffff });
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant('synStream' as const),
    streamId: id,
    headerBlock: bytes,
    fin: fc.boolean(),
    unidirectional: fc.boolean(),
  }),
  fc.record({ type: fc.constant('synReply' as const), streamId: id, headerBlock: bytes, fin: fc.boolean() }),
  fc.record({ type: fc.constant('headers' as const), streamId: id, headerBlock: bytes, fin: fc.boolean() }),
  fc.record({ type: fc.constant('rstStream' as const), streamId: id, status: word }),
  fc.record({
    type: fc.constant('settings' as const),
    initialWindowBytes: fc.option(id, { nil: undefined }),
  }),
  fc.record({ type: fc.constant('ping' as const), id: word }),
  fc.record({ type: fc.constant('goAway' as const), lastStreamId: id, status: word }),
  fc.record({ type: fc.constant('windowUpdate' as const), streamId: id, delta: id }),
  fc.record({ type: fc.constant('data' as const), streamId: id, data: bytes, fin: fc.boolean() }),
);

/** Cuts bytes at places that need not be the borders of frames. */
function cut(all: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const size of sizes) {
    pieces.push(all.subarray(from, from + size));
    from += size;
  }
  return [...pieces, all.subarray(from)];
}

/** Pieces of one data frame put together again. */
function joined(frames: readonly Frame[]): Frame[] {
  const whole: Frame[] = [];
  for (const each of frames) {
    const last = whole.at(-1);
    if (each.type === 'data' && last?.type === 'data' && last.streamId === each.streamId && !last.fin)
      whole[whole.length - 1] = { ...each, data: Buffer.concat([last.data, each.data]) };
    else whole.push(each);
  }
  return whole;
}

describe('frames', () => {
  it('come back as they were, however their bytes arrive', () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.integer({ min: 0, max: 40 })), (frames, sizes) => {
        const reader = new FrameReader();
        const found = cut(Buffer.concat(frames.map(encodeFrame)), sizes).flatMap((piece) => [
          ...reader.read(piece),
        ]);
        expect(joined(found)).toEqual(joined(frames));
      }),
    );
  });

  it('are read from any bytes without any error but that of the protocol', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
        const reader = new FrameReader();
        try {
          for (const chunk of chunks)
            for (const each of reader.read(Buffer.from(chunk))) expect(each.type).toBeTruthy();
        } catch (error) {
          expect(error).toBeInstanceOf(SpdyError);
        }
      }),
    );
  });

  it.each<[string, Frame, string]>([
    ['PING', { type: 'ping', id: 1 }, '800300060000000400000001'],
    ['RST_STREAM', { type: 'rstStream', streamId: 5, status: 5 }, '80030003000000080000000500000005'],
    ['GOAWAY', { type: 'goAway', lastStreamId: 3, status: 0 }, '80030007000000080000000300000000'],
    ['WINDOW_UPDATE', { type: 'windowUpdate', streamId: 1, delta: 256 }, '80030009000000080000000100000100'],
    [
      'DATA with FIN',
      { type: 'data', streamId: 1, data: Buffer.from('hi'), fin: true },
      '00000001010000026869',
    ],
  ])('%s is written as the specification says', (_name, each, hex) => {
    expect(encodeFrame(each).toString('hex')).toBe(hex);
  });

  it('of control that are too large are refused before they are all there', () => {
    const head = Buffer.from('8003000100000000', 'hex');
    head.writeUIntBE(MAX_CONTROL_BYTES + 1, 5, 3);
    expect(() => [...new FrameReader().read(head)]).toThrow('too large');
  });

  it('of another version are refused, of an unknown type passed over', () => {
    expect(() => [...new FrameReader().read(Buffer.from('8002000600000004', 'hex'))]).toThrow('version');
    expect([...new FrameReader().read(Buffer.from('80030063000000021234', 'hex'))]).toEqual([]);
  });
});
