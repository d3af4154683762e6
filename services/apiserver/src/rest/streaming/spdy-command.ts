/** Exec and attach over SPDY: one stream each for input, outputs, outcome and size (kubelet/pkg/cri/streaming/remotecommand). */

import type { Status } from '@orrery/api/status-error.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import {
  type CommandClient,
  type CommandInput,
  type CommandStreams,
  resizeOf,
  statusText,
} from './command-client.ts';
import { Inbox } from './inbox.ts';
import { room } from './room.ts';
import { SpdyConnection } from './spdy/connection.ts';
import type { SpdyStream } from './spdy/stream.ts';
import { acceptSpdy, negotiateSpdy } from './spdy-handshake.ts';
import type { Upgrade } from './upgrade.ts';

/** The newest first. There is no v5 of SPDY: it has always been able to close one stream. */
const PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];
const WITH_STATUS = new Set(['v4.channel.k8s.io']);
const WITH_RESIZE = new Set(['v4.channel.k8s.io', 'v3.channel.k8s.io']);

/** How long a client may take to open its streams, in real milliseconds (DefaultStreamCreationTimeout). */
const STREAMS_TIMEOUT_MS = 30_000;

/** How long a client may take to leave when all is said, in real milliseconds. */
const LINGER_MS = 5_000;

/** A size of a terminal is short; more without an end is nonsense. */
const MAX_RESIZE_BYTES = 1_024;

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

function wantedTypes({ stdin, stdout, stderr, tty }: CommandStreams, protocol: string): StreamType[] {
  const types: StreamType[] = ['error'];
  if (stdin) types.push('stdin');
  if (stdout) types.push('stdout');
  if (stderr && !tty) types.push('stderr');
  if (tty && WITH_RESIZE.has(protocol)) types.push('resize');
  return types;
}

export class SpdyCommand implements CommandClient {
  readonly #protocol: string;
  readonly #clock: Clock;
  readonly #inbox: Inbox<CommandInput>;
  readonly #connection: SpdyConnection;
  readonly #transport: ReturnType<typeof acceptSpdy>;
  readonly #streams = new Map<string, SpdyStream>();
  readonly #missing: Set<string>;
  readonly #complete = Promise.withResolvers<void>();

  private constructor(upgrade: Upgrade, streams: CommandStreams, clock: Clock) {
    this.#clock = clock;
    this.#protocol = negotiateSpdy(upgrade, PROTOCOLS);
    this.#missing = new Set(wantedTypes(streams, this.#protocol));
    // The stream of input holds its writer back by itself.
    this.#inbox = new Inbox({
      hold: () => this.#streams.get('stdin')?.pause(),
      release: () => this.#streams.get('stdin')?.resume(),
    });
    this.#transport = acceptSpdy(upgrade, this.#protocol);
    this.#connection = SpdyConnection.serve({
      transport: this.#transport,
      onStream: (stream) => this.#take(stream),
      onEnd: () => {
        this.#inbox.end();
        this.#complete.reject(new Error('the client has gone'));
      },
    });
  }

  /**
   * Grants the upgrade; resolves when the client has opened its streams, rejects when it does not.
   * @throws StatusError 403 when the client offers no protocol that is served.
   */
  static async accept(upgrade: Upgrade, streams: CommandStreams, clock: Clock): Promise<SpdyCommand> {
    const command = new SpdyCommand(upgrade, streams, clock);
    const late = clock.setTimeout(() => command.#transport.destroy(), STREAMS_TIMEOUT_MS);
    try {
      await command.#complete.promise;
    } finally {
      late.cancel();
    }
    return command;
  }

  receive(): Promise<CommandInput | undefined> {
    return this.#inbox.take();
  }

  write(type: 'stdout' | 'stderr', data: Buffer): void | Promise<void> {
    const stream = this.#streams.get(type);
    if (stream === undefined || !stream.writable || stream.write(data)) return undefined;
    return room(stream);
  }

  finish(status: Status): void {
    const error = this.#streams.get('error');
    if (WITH_STATUS.has(this.#protocol)) error?.write(statusText(status));
    else if (status.status === 'Failure') error?.write(status.message ?? '');
    this.#inbox.end();
    for (const stream of this.#streams.values()) {
      stream.resume();
      stream.end();
    }
    void this.#leave();
  }

  /** The connection ends when every stream has said all. */
  async #leave(): Promise<void> {
    const late = this.#clock.setTimeout(() => this.#transport.destroy(), LINGER_MS);
    this.#transport.once('close', () => late.cancel());
    await Promise.all(Array.from(this.#streams.values(), flushed));
    this.#connection.close();
  }

  #take(stream: SpdyStream): void {
    const type = stream.headers.get('streamtype') ?? '';
    if (!this.#missing.delete(type)) {
      stream.destroy();
      return;
    }
    this.#streams.set(type, stream);
    if (type === 'stdin') this.#readStdin(stream);
    else if (type === 'resize') this.#readSizes(stream);
    else stream.resume();
    if (this.#missing.size === 0) this.#complete.resolve();
  }

  #readStdin(stream: SpdyStream): void {
    stream.on('data', (data: Buffer) => this.#inbox.put({ $case: 'stdin', stdin: data }, data.length));
    stream.on('end', () => this.#inbox.put({ $case: 'stdinEnd', stdinEnd: {} }, 1));
  }

  /** JSON objects one after the other, each without braces inside. */
  #readSizes(stream: SpdyStream): void {
    let rest = '';
    stream.on('data', (data: Buffer) => {
      rest += data.toString();
      for (let end = rest.indexOf('}'); end >= 0; end = rest.indexOf('}')) {
        const resize = resizeOf(rest.slice(0, end + 1));
        if (resize !== undefined) this.#inbox.put(resize, end);
        rest = rest.slice(end + 1);
      }
      if (rest.length > MAX_RESIZE_BYTES) rest = '';
    });
  }
}

function flushed(stream: SpdyStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableFinished || stream.destroyed) resolve();
    stream.once('finish', resolve);
    stream.once('close', resolve);
  });
}
