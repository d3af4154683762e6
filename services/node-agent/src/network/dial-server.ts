/** PodNetwork.Dial: connections that other agents and the apiserver make into this agent's pods. */

import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import {
  type DialInput,
  type DialOpen,
  type DialOutput,
  PodNetworkService,
} from '@orrery/proto/orrery/node_agent.ts';
import type { GrpcService } from '../grpc-server.ts';
import { CallStream } from './call-stream.ts';
import { NetworkError } from './network.ts';
import type { Arrival, SimulatedNetwork } from './simulated-network.ts';
import { DIAL_STATUS } from './dial-status.ts';

type Call = ServerDuplexStream<DialInput, DialOutput>;

const NOTHING = Buffer.alloc(0);

/** Connections within the cluster's network as a gRPC service. */
export function podNetworkService(network: Pick<SimulatedNetwork, 'accept'>): GrpcService {
  return {
    definition: PodNetworkService,
    implementation: { dial: (call: Call) => answerDial(network, call) },
  };
}

function answerDial(network: Pick<SimulatedNetwork, 'accept'>, call: Call): void {
  // A call that fails is cancelled too; who is concerned hears of that.
  call.on('error', () => undefined);
  call.once('data', ({ input }: DialInput) => {
    call.pause();
    if (input?.$case === 'open') connect(network, call, input.open);
    else fail(call, status.INVALID_ARGUMENT, 'the first message must be open');
  });
}

function connect(network: Pick<SimulatedNetwork, 'accept'>, call: Call, open: DialOpen): void {
  try {
    const take = network.accept(arrivalOf(open));
    const stream = new CallStream<DialOutput, DialInput>({
      call,
      wrap: (data) => ({ data }),
      unwrap: ({ input }) => (input?.$case === 'data' ? input.data : NOTHING),
      breakOff: () => failWith(call, new NetworkError('ECONNRESET')),
      endsBoth: true,
    });
    call.once('cancelled', () => stream.reset());
    // It stands.
    call.write({ data: NOTHING });
    take(stream);
  } catch (error) {
    failWith(call, error);
  }
}

function arrivalOf({ ip, port, fromIp, podUid }: DialOpen): Arrival {
  return { ip, port, fromIp, podUid: podUid === '' ? undefined : podUid };
}

function failWith(call: Call, error: unknown): void {
  if (!(error instanceof NetworkError)) {
    fail(call, status.INTERNAL, (error as Error).message);
    return;
  }
  fail(call, DIAL_STATUS[error.code], error.message.toLowerCase());
}

function fail(call: Call, code: status, details: string): void {
  if (!call.cancelled) call.emit('error', Object.assign(new Error(details), { code, details }));
}
