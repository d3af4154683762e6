/** Exec and attach over a WebSocket: channels by the first byte of each message (client-go, remotecommand/websocket.go). */

import type { Status } from '@orrery/api/status-error.ts';
import {
  type CommandClient,
  type CommandInput,
  type CommandStreams,
  resizeOf,
  statusText,
} from './command-client.ts';
import { Inbox } from './inbox.ts';
import type { Upgrade } from './upgrade.ts';
import { acceptWebSocket, chooseProtocol, type MessageSocket } from './websocket.ts';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
/** Since v5: the channel that the next byte names is closed. */
const CLOSE = 255;

/** By name, in any order: it is the client that prefers. None is the first version. */
const PROTOCOLS = [
  '',
  ...['v5.', 'v4.', 'v3.', 'v2.', ''].flatMap((version) => [
    `${version}channel.k8s.io`,
    `${version}base64.channel.k8s.io`,
  ]),
  'base64.channel.k8s.io',
];

const V5 = 'v5.channel.k8s.io';

/** Whether the client speaks the version that hears of every failure in the conversation, not in the handshake. */
export function speaksV5(upgrade: Upgrade): boolean {
  return upgrade.protocol === 'websocket' && chooseProtocol(upgrade, PROTOCOLS) === V5;
}

export class WebSocketCommand implements CommandClient {
  readonly #socket: MessageSocket;
  readonly #streams: CommandStreams;
  readonly #isBase64: boolean;
  readonly #inbox: Inbox<CommandInput>;

  private constructor(socket: MessageSocket, streams: CommandStreams) {
    const { webSocket, protocol } = socket;
    this.#socket = socket;
    this.#streams = streams;
    this.#isBase64 = protocol.includes('base64');
    this.#inbox = new Inbox({ hold: () => webSocket.pause(), release: () => webSocket.resume() });
    webSocket.on('message', (data: Buffer) => this.#receive(data));
    webSocket.on('close', () => this.#inbox.end());
    this.#greet();
  }

  /** @throws StatusError 400 when the client offers no protocol that is served. */
  static async accept(upgrade: Upgrade, streams: CommandStreams): Promise<WebSocketCommand> {
    return new WebSocketCommand(await acceptWebSocket(upgrade, PROTOCOLS), streams);
  }

  receive(): Promise<CommandInput | undefined> {
    return this.#inbox.take();
  }

  write(stream: 'stdout' | 'stderr', data: Buffer): void | Promise<void> {
    return this.#send(stream === 'stdout' ? STDOUT : STDERR, data);
  }

  finish(status: Status): void {
    const { protocol } = this.#socket;
    if (protocol.startsWith('v4.') || protocol.startsWith('v5.')) {
      void this.#send(ERROR, Buffer.from(statusText(status)));
    } else if (status.status === 'Failure') {
      void this.#send(ERROR, Buffer.from(status.message ?? ''));
    }
    this.#inbox.end();
    this.#socket.close();
  }

  /** Some clients wait for a message before they believe in the connection (wsstream, Conn). */
  #greet(): void {
    const { stdout, stderr, tty } = this.#streams;
    void this.#send(stdout ? STDOUT : stderr && !tty ? STDERR : ERROR, Buffer.alloc(0));
  }

  #send(channel: number, data: Buffer): void | Promise<void> {
    if (this.#isBase64) return this.#socket.send(`${channel}${data.toString('base64')}`);
    return this.#socket.send(Buffer.concat([Buffer.of(channel), data]));
  }

  #receive(message: Buffer): void {
    if (message.length === 0) return;
    const { stdin, tty } = this.#streams;
    const channel = this.#isBase64 ? message[0]! - 0x30 : message[0]!;
    const data = this.#isBase64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1);
    if (channel === STDIN && stdin && data.length > 0) {
      this.#inbox.put({ $case: 'stdin', stdin: data }, data.length);
    } else if (channel === RESIZE && tty) {
      const resize = resizeOf(data.toString());
      if (resize !== undefined) this.#inbox.put(resize, data.length);
    } else if (channel === CLOSE && data[0] === STDIN && stdin && this.#socket.protocol === V5) {
      this.#inbox.put({ $case: 'stdinEnd', stdinEnd: {} }, 1);
    }
  }
}
