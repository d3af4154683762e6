/** pods/log: the log of a container, relayed from its node as it is read. */

import type { ClientReadableStream } from '@grpc/grpc-js';
import type { Pod } from '@orrery/api/gen/types.ts';
import type { LogsChunk } from '@orrery/proto/orrery/node_agent.ts';
import type { Edge } from '../edge.ts';
import type { Exchange } from '../exchange.ts';
import { text } from '../query.ts';
import { commonHeaders, sendText } from '../respond.ts';
import type { Target } from '../router.ts';
import { logOptions } from './log-options.ts';
import { isUnreachable, refusalOf, relayedError } from './node-agents.ts';
import { chooseContainer, dialError, hostOf, readPod, refused } from './pod-target.ts';
import { room } from './room.ts';
import { acceptWebSocket, type MessageSocket } from './websocket.ts';

const PLAIN = 'text/plain';

/** Subprotocols of a log over a WebSocket; none is binary (apiserver/pkg/util/wsstream, Reader). */
const LOG_PROTOCOLS = ['', 'binary.k8s.io', 'base64.binary.k8s.io'];

export async function podLog(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const options = logOptions(exchange.query, target.name, edge.clock.now());
  const pod = await readPod(edge, target);
  const container = chooseContainer(pod, text(exchange.query, 'container'));
  // Without a node there is nothing to read yet, which is not an error (LogLocation).
  if ((pod.spec.nodeName ?? '') === '') {
    sendText(exchange, 200, PLAIN, '');
    return;
  }
  const { agent, kubelet } = await hostOf(edge, pod.spec.nodeName!);
  const { namespace, name, uid } = pod.metadata;
  const call = agent.containers.logs({
    ...options,
    container: { namespace, pod: name, podUid: uid, container },
  });
  exchange.response.on('close', () => call.cancel());
  try {
    edge.streams.add(exchange, () => endOf(exchange));
    await relay(exchange, call);
  } catch (error) {
    call.cancel();
    if ('details' in (error as Error) && !exchange.response.headersSent)
      throw failure(error, pod, container, kubelet);
    throw error;
  }
}

function endOf({ upgrade, response }: Exchange): void {
  if (upgrade === undefined) response.destroy();
  else upgrade.end();
}

function failure(error: unknown, pod: Pod, container: string, kubelet: string): Error {
  if (!isUnreachable(error)) return relayedError(refusalOf(error), 'pods/log', pod.metadata.name);
  const { namespace, name } = pod.metadata;
  const url = `https://${kubelet}/containerLogs/${namespace}/${name}/${container}`;
  return dialError(`Get ${JSON.stringify(url)}: ${refused(kubelet)}`);
}

/** Passes the log on at the pace of the client. The agent's first chunk is empty: there is a log. */
async function relay(exchange: Exchange, call: ClientReadableStream<LogsChunk>): Promise<void> {
  const { response, upgrade } = exchange;
  let socket: MessageSocket | undefined;
  let isFirst = true;
  try {
    for await (const { data } of call as AsyncIterable<LogsChunk>) {
      if (isFirst && upgrade?.protocol === 'websocket')
        socket = await acceptWebSocket(upgrade, LOG_PROTOCOLS);
      if (isFirst && socket === undefined) {
        response.writeHead(200, commonHeaders(exchange, PLAIN));
        response.flushHeaders();
      }
      isFirst = false;
      if (data.length === 0) continue;
      if (socket !== undefined) await socket.send(isBase64(socket) ? data.toString('base64') : data);
      else if (!response.destroyed && !response.write(data)) await room(response);
    }
  } catch (error) {
    // What has begun is broken off: the log is cut short.
    if (isFirst) throw error;
    socket?.close();
    response.destroy();
    return;
  }
  if (socket === undefined) response.end();
  else socket.close();
}

function isBase64({ protocol }: MessageSocket): boolean {
  return protocol.startsWith('base64.');
}
