import { constants, createDeflate, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DICTIONARY,
  formatPairs,
  HeaderDecoder,
  HeaderEncoder,
  parsePairs,
  SpdyError,
} from './header-block.ts';

describe('the dictionary', () => {
  it('has the length and the checksum that all implementations know', () => {
    expect(DICTIONARY).toHaveLength(1_423);
    const id = deflateSync('x', { dictionary: DICTIONARY }).subarray(2, 6);
    expect(id.toString('hex')).toBe('e3c6a7c2');
  });
});

describe('header blocks', () => {
  it('come back as they were, one after the other', async () => {
    const headers = fc.dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), fc.string({ maxLength: 50 }));
    await fc.assert(
      fc.asyncProperty(fc.array(headers, { maxLength: 5 }), async (blocks) => {
        const encoder = new HeaderEncoder();
        const decoder = new HeaderDecoder();
        for (const block of blocks) {
          const sent = new Map(Object.entries(block));
          expect(await decoder.decode(encoder.encode(sent))).toEqual(sent);
        }
        decoder.close();
      }),
      { numRuns: 30 },
    );
  });

  it('are read when a real compressor wrote them, with one context for all', async () => {
    const deflate = createDeflate({ dictionary: DICTIONARY, flush: constants.Z_SYNC_FLUSH });
    const decoder = new HeaderDecoder();
    for (const port of ['80', '81']) {
      const headers = new Map([
        ['streamtype', 'data'],
        ['port', port],
      ]);
      deflate.write(formatPairs(headers));
      const block = await new Promise<Buffer>((resolve) => deflate.once('data', resolve));
      expect(await decoder.decode(block)).toEqual(headers);
    }
    deflate.destroy();
    decoder.close();
  });

  it('end with a flush, without which some readers wait for more', () => {
    const encoder = new HeaderEncoder();
    const blocks = [encoder.encode(new Map()), encoder.encode(new Map())].map((block) =>
      block.toString('hex'),
    );
    expect(blocks).toEqual(['78bbe3c6a7c2000400fbff00000000000000ffff', '000400fbff00000000000000ffff']);
  });

  it('have names in lower case', async () => {
    const decoder = new HeaderDecoder();
    const block = new HeaderEncoder().encode(new Map([['Streamtype', 'Error']]));
    expect(await decoder.decode(block)).toEqual(new Map([['streamtype', 'Error']]));
    decoder.close();
  });

  it('that expand without end are given up', async () => {
    const bomb = deflateSync(Buffer.alloc(10_000_000), {
      dictionary: DICTIONARY,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    const decoder = new HeaderDecoder();
    await expect(decoder.decode(bomb)).rejects.toThrow('too large');
    await expect(decoder.decode(bomb)).rejects.toThrow('too large');
  });

  it('of nonsense fail as a breach of protocol', async () => {
    await expect(new HeaderDecoder().decode(Buffer.from('nonsense'))).rejects.toThrow(SpdyError);
    await expect(new HeaderDecoder().decode(Buffer.alloc(0))).rejects.toThrow(SpdyError);
  });

  it.each(['', '00', '00000001', '0000000100000005', '00000001ffffffff', '000000010000000161000000'])(
    'with lengths beyond their end fail: %s',
    (hex) => {
      expect(() => parsePairs(Buffer.from(hex, 'hex'))).toThrow(SpdyError);
    },
  );
});
