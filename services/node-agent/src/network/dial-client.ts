/** Connections to the pods and nodes of other agents. */

import { type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js';
import { type DialInput, type DialOutput, PodNetworkClient } from '@orrery/proto/orrery/node_agent.ts';
import { CallStream } from './call-stream.ts';
import type { ConnectionStream } from './connection-stream.ts';
import { dialFailure } from './dial-status.ts';
import { NetworkError } from './network.ts';
import type { Peers } from './stack.ts';

type Call = ClientDuplexStream<DialInput, DialOutput>;

/** Agents to which a channel is kept; one that has not been used for longest goes first. */
const MAX_CHANNELS = 64;

const CHANNEL_OPTIONS = {
  // A frozen or half-open agent is noticed after time + timeout.
  'grpc.keepalive_time_ms': 2_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
  // grpc-js would send even calls to the own machine through the user's `http_proxy`.
  'grpc.enable_http_proxy': 0,
} as const;

interface Channel {
  readonly client: PodNetworkClient;
  calls: number;
}

export class DialClient implements Peers {
  /** By address; the one used last comes last. */
  readonly #channels = new Map<string, Channel>();

  dial(
    address: string,
    { ip, port, fromIp }: { ip: string; port: number; fromIp: string },
    cancelled: AbortSignal,
  ): Promise<ConnectionStream> {
    const channel = this.#channelTo(address);
    const call = channel.client.dial();
    channel.calls += 1;
    call.once('status', () => (channel.calls -= 1));
    call.write({ input: { $case: 'open', open: { ip, port, fromIp, podUid: '' } } });
    return standing(call, cancelled);
  }

  close(): void {
    for (const { client } of this.#channels.values()) client.close();
    this.#channels.clear();
  }

  #channelTo(address: string): Channel {
    const known = this.#channels.get(address);
    const channel = known ?? {
      client: new PodNetworkClient(address, credentials.createInsecure(), CHANNEL_OPTIONS),
      calls: 0,
    };
    this.#channels.delete(address);
    this.#channels.set(address, channel);
    if (this.#channels.size > MAX_CHANNELS) this.#dropIdle();
    return channel;
  }

  #dropIdle(): void {
    for (const [address, { client, calls }] of this.#channels) {
      if (calls > 0) continue;
      client.close();
      this.#channels.delete(address);
      return;
    }
  }
}

/** Resolves with the connection when it stands. */
function standing(call: Call, cancelled: AbortSignal): Promise<ConnectionStream> {
  return new Promise((resolve, reject) => {
    let stream: ConnectionStream | undefined;
    const giveUp = (): void => call.cancel();
    cancelled.addEventListener('abort', giveUp, { once: true });
    if (cancelled.aborted) giveUp();
    call.on('error', ({ code }: ServiceError) => {
      cancelled.removeEventListener('abort', giveUp);
      if (stream === undefined) reject(new NetworkError(dialFailure(code)));
      else stream.reset();
    });
    call.once('end', () => {
      if (stream === undefined) reject(new NetworkError('EHOSTUNREACH'));
    });
    call.once('data', () => {
      cancelled.removeEventListener('abort', giveUp);
      call.pause();
      stream = new CallStream<DialInput, DialOutput>({
        call,
        wrap: (data) => ({ input: { $case: 'data', data } }),
        unwrap: ({ data }) => data,
        breakOff: () => call.cancel(),
        endsBoth: false,
      });
      resolve(stream);
    });
  });
}
