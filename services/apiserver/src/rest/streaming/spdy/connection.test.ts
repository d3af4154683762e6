import { duplexPair, type Duplex } from 'node:stream';
import { settle } from '@orrery/kit/manual-clock.ts';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SpdyClient } from '../test-support/spdy-client.ts';
import { SpdyConnection } from './connection.ts';
import type { SpdyStream } from './stream.ts';

interface Opened {
  client: SpdyClient;
  clientSide: Duplex;
  connection: SpdyConnection;
  streams: SpdyStream[];
  ended: () => { error: Error | undefined } | undefined;
}

const opened: Opened[] = [];

function open(onStream: (stream: SpdyStream) => void = () => undefined): Opened {
  const [clientSide, transport] = duplexPair();
  const streams: SpdyStream[] = [];
  let end: { error: Error | undefined } | undefined;
  const connection = SpdyConnection.serve({
    transport,
    onStream: (stream) => {
      streams.push(stream);
      onStream(stream);
    },
    onEnd: (error) => {
      end = { error };
    },
  });
  const all = { client: new SpdyClient(clientSide), clientSide, connection, streams, ended: () => end };
  opened.push(all);
  return all;
}

afterEach(() => {
  for (const { client } of opened.splice(0)) client.destroy();
});

const until = (what: () => boolean): Promise<boolean> => vi.waitUntil(what, { interval: 1 });

describe('a SPDY connection', () => {
  it('accepts a stream by its headers and carries bytes both ways', async () => {
    const { client, streams } = open((stream) => stream.pipe(stream));
    const id = client.open({ streamtype: 'data', port: '80' });
    client.data(id, 'over there');
    client.data(id, ' and back', true);
    await until(() => client.isFinished(id));
    expect(client.text(id)).toBe('over there and back');
    expect(client.of('synReply').map(({ streamId }) => streamId)).toEqual([id]);
    expect(Object.fromEntries(streams[0]!.headers)).toEqual({ streamtype: 'data', port: '80' });
  });

  it('forgets a stream that both sides have finished', async () => {
    const { client, connection } = open((stream) => {
      stream.resume();
      stream.end('bye');
    });
    const id = client.open({}, true);
    await until(() => client.isFinished(id) && connection.openStreams === 0);
    expect(client.of('rstStream')).toEqual([]);
  });

  it('resets a stream that is destroyed, and ends one that the client resets', async () => {
    const { client, connection, streams } = open();
    const [first, second] = [client.open({}), client.open({})];
    await until(() => streams.length === 2);
    streams[0]!.destroy();
    client.send({ type: 'rstStream', streamId: second, status: 5 });
    await until(() => connection.openStreams === 0);
    expect(streams[1]!.destroyed).toBe(true);
    expect(client.of('rstStream')).toEqual([{ type: 'rstStream', streamId: first, status: 5 }]);
  });

  it('answers pings', async () => {
    const { client } = open();
    client.send({ type: 'ping', id: 7 });
    await until(() => client.of('ping').length > 0);
    expect(client.of('ping')).toEqual([{ type: 'ping', id: 7 }]);
  });

  it('sends to a client without flow control as the transport takes it', async () => {
    const data = Buffer.alloc(1_000_000, 'x');
    const { client } = open((stream) => stream.end(data));
    const id = client.open({});
    await until(() => client.isFinished(id));
    expect(client.received(id).equals(data)).toBe(true);
  });

  it('heeds the windows of a client that has them', async () => {
    const { client } = open((stream) => stream.end(Buffer.alloc(200_000)));
    client.send({ type: 'settings', initialWindowBytes: 1_000 });
    const id = client.open({});
    await until(() => client.received(id).length > 0);
    await settle();
    expect(client.received(id)).toHaveLength(1_000);
    client.send({ type: 'windowUpdate', streamId: id, delta: 500_000 });
    // Now it is the window of the whole connection that ends it.
    await until(() => client.received(id).length >= 65_536);
    await settle();
    expect(client.received(id)).toHaveLength(65_536);
    client.send({ type: 'windowUpdate', streamId: 0, delta: 500_000 });
    await until(() => client.isFinished(id));
    expect(client.received(id)).toHaveLength(200_000);
  });

  it('keeps within the windows, however they grow', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30_000 }), { maxLength: 8 }), async (updates) => {
        const { client } = open((stream) => stream.end(Buffer.alloc(60_000)));
        client.send({ type: 'settings', initialWindowBytes: 0 });
        const id = client.open({});
        let allowed = 0;
        for (const delta of updates) {
          client.send({ type: 'windowUpdate', streamId: id, delta });
          allowed += delta;
          const expected = Math.min(allowed, 60_000);
          await until(() => client.received(id).length >= expected);
          expect(client.received(id)).toHaveLength(expected);
        }
        client.destroy();
      }),
      { numRuns: 15 },
    );
  });

  it('gives windows back as data is read, and holds back a client that sends without end', async () => {
    const { client, clientSide, streams } = open();
    const id = client.open({});
    let sent = 0;
    const flood = (): void => {
      while (sent < 400) {
        sent += 1;
        if (!clientSide.writableNeedDrain) client.data(id, Buffer.alloc(16_000));
        else break;
      }
    };
    clientSide.on('drain', flood);
    flood();
    await until(() => streams[0] !== undefined && streams[0].readableLength > 256 * 1024);
    await settle();
    // Six megabytes want to come: what waits here stays small.
    expect(streams[0]!.readableLength).toBeLessThan(400 * 1024);
    expect(sent).toBeLessThan(100);
    let read = 0;
    streams[0]!.on('data', (chunk: Buffer) => (read += chunk.length));
    await until(() => sent === 400);
    await until(() => read > 5_000_000);
    expect(client.of('windowUpdate').some(({ streamId }) => streamId === id)).toBe(true);
  });

  it('refuses streams beyond what one client may have', async () => {
    const { client, connection } = open();
    for (let index = 0; index < 1_030; index += 1) client.open({});
    await until(() => client.of('rstStream').length === 6);
    expect(connection.openStreams).toBe(1_024);
    expect(client.of('rstStream').every(({ status }) => status === 3)).toBe(true);
  });

  it('ends its streams when the client goes', async () => {
    const { client, streams, ended, connection } = open();
    client.open({});
    await until(() => streams.length === 1);
    client.destroy();
    await until(() => ended() !== undefined);
    expect(streams[0]!.destroyed).toBe(true);
    expect(connection.openStreams).toBe(0);
  });

  it('leaves a client that breaks the protocol', async () => {
    const { clientSide, ended } = open();
    clientSide.write(Buffer.alloc(100, 0xff));
    await until(() => ended() !== undefined);
    expect(ended()!.error!.message).toContain('SPDY');
  });

  it('takes no streams out of order', async () => {
    const { client, ended } = open();
    client.open({});
    const headerBlock = Buffer.alloc(0);
    client.send({ type: 'synStream', streamId: 2, headerBlock, fin: false, unidirectional: false });
    await until(() => ended() !== undefined);
    expect(ended()!.error).toBeDefined();
  });

  it('lets what was sent arrive when it closes', async () => {
    const { client, connection, streams } = open();
    const id = client.open({});
    await until(() => streams.length === 1);
    streams[0]!.end('last words');
    connection.close();
    await until(() => client.isOver);
    expect(client.text(id)).toBe('last words');
    expect(client.isFinished(id)).toBe(true);
  });
});
