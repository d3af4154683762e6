/**
 * Port-forward over the channels of a WebSocket: two for each port that the URL names, one for
 * data and one for errors (kubelet/pkg/cri/streaming/portforward/websocket.go).
 */

import { Duplex } from 'node:stream';
import { carry, type ForwardedPod } from './pod-connection.ts';
import type { MessageSocket } from './websocket.ts';

export const PORT_PROTOCOLS: readonly string[] = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/** A port whose server is behind by so much stops the whole conversation. */
const MAX_UNREAD_BYTES = 256 * 1024;

type Send = (channel: number, data: Buffer) => void | Promise<void>;

/** The data channel of one port. */
class ChannelStream extends Duplex {
  readonly #channel: number;
  readonly #send: Send;
  readonly #drained: () => void;

  constructor(channel: number, send: Send, drained: () => void) {
    super();
    this.#channel = channel;
    this.#send = send;
    this.#drained = drained;
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#drained();
  }

  override _write(data: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    void this.#pass(data, callback);
  }

  async #pass(data: Buffer, callback: () => void): Promise<void> {
    await this.#send(this.#channel, data);
    callback();
  }
}

/** Serves until the client leaves, or every connection is over. */
export async function servePorts(
  socket: MessageSocket,
  ports: readonly number[],
  pod: ForwardedPod,
): Promise<void> {
  const { webSocket } = socket;
  const isBase64 = socket.protocol.includes('base64');
  const send: Send = (channel, data) =>
    socket.send(
      isBase64
        ? `${String.fromCodePoint(0x30 + channel)}${data.toString('base64')}`
        : Buffer.concat([Buffer.of(channel), data]),
    );
  const streams = ports.map((_, index) => new ChannelStream(2 * index, send, () => webSocket.resume()));
  webSocket.on('message', (message: Buffer) => {
    const channel = isBase64 ? (message[0] ?? 0) - 0x30 : (message[0] ?? 0);
    const stream = channel % 2 === 0 ? streams[channel / 2] : undefined;
    if (stream === undefined || stream.destroyed || message.length < 2) return;
    stream.push(isBase64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1));
    if (stream.readableLength > MAX_UNREAD_BYTES) webSocket.pause();
  });
  webSocket.on('close', () => {
    for (const stream of streams) stream.destroy();
  });
  await Promise.all(
    ports.map(async (port, index) => {
      const number = Buffer.alloc(2);
      number.writeUInt16LE(port);
      await send(2 * index, number);
      await send(2 * index + 1, number);
      const failure = await carry(streams[index]!, pod, port);
      if (failure !== undefined) await send(2 * index + 1, Buffer.from(failure));
    }),
  );
  socket.close();
}
