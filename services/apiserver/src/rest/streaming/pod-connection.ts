/** A connection of a client, carried on to a port on the localhost of a pod. */

import { type Duplex, finished } from 'node:stream';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { DialInput, DialOutput } from '@orrery/proto/orrery/node_agent.ts';
import { room } from './room.ts';
import type { NodeAgent } from './node-agents.ts';

type Call = ClientDuplexStream<DialInput, DialOutput>;

export interface ForwardedPod {
  readonly agent: NodeAgent;
  readonly name: string;
  readonly uid: string;
}

const LOCALHOST = '127.0.0.1';

/**
 * Carries bytes both ways until both sides are done or one breaks. Resolves with what is to be
 * said of a failure, in the words of the kubelet and containerd, or with undefined.
 */
export async function carry(local: Duplex, pod: ForwardedPod, port: number): Promise<string | undefined> {
  const call = pod.agent.network.dial();
  call.on('error', () => undefined);
  local.on('close', () => call.cancel());
  call.write({ input: { $case: 'open', open: { ip: '', port, fromIp: LOCALHOST, podUid: pod.uid } } });
  const outputs = (call as AsyncIterable<DialOutput>)[Symbol.asyncIterator]();
  try {
    const first = await outputs.next();
    if (first.done === true) return failure(pod, port, 'connection reset by peer');
  } catch (error) {
    return failure(pod, port, (error as ServiceError).details);
  }
  void sendAll(local, call);
  try {
    await receiveAll(outputs, local);
    return undefined;
  } catch (error) {
    const { details } = error as Partial<ServiceError>;
    return details === undefined || local.destroyed ? undefined : failure(pod, port, details);
  }
}

function failure({ name, uid }: ForwardedPod, port: number, why: string): string {
  return (
    `error forwarding port ${port} to pod ${name}, uid ${uid}: ` +
    `failed to connect to localhost:${port} inside namespace of the pod, ` +
    `IPv4: dial tcp4 ${LOCALHOST}:${port}: connect: ${why}`
  );
}

/** From the client to the pod. The client's end is passed on; its breaking off cancels the call. */
async function sendAll(local: Duplex, call: Call): Promise<void> {
  try {
    for await (const data of local.iterator({ destroyOnReturn: false })) {
      if (call.destroyed || call.writableEnded) return;
      if (!call.write({ input: { $case: 'data', data: data as Buffer } })) await room(call);
    }
    call.end();
  } catch {
    call.cancel();
  }
}

/** From the pod to the client. */
async function receiveAll(outputs: AsyncIterator<DialOutput>, local: Duplex): Promise<void> {
  for (let next = await outputs.next(); next.done !== true; next = await outputs.next()) {
    const { data } = next.value;
    if (local.destroyed) return;
    if (data.length > 0 && !local.write(data)) await room(local);
  }
  local.end();
  await new Promise<void>((resolve) => finished(local, { readable: false }, () => resolve()));
}
