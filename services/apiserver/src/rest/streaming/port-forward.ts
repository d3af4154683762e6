/** pods/portforward: connections of a client into a pod (kubelet/pkg/cri/streaming/portforward). */

import type { Duplex } from 'node:stream';
import { badRequest } from '@orrery/api/status-error.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { Edge } from '../edge.ts';
import type { Exchange } from '../exchange.ts';
import type { Target } from '../router.ts';
import type { NodeAgent } from './node-agents.ts';
import { carry, type ForwardedPod } from './pod-connection.ts';
import { dialError, podHost, readPod, refused } from './pod-target.ts';
import { PORT_PROTOCOLS, servePorts } from './port-channels.ts';
import { SpdyConnection } from './spdy/connection.ts';
import type { SpdyStream } from './spdy/stream.ts';
import { acceptSpdy, negotiateSpdy } from './spdy-handshake.ts';
import { upgradeOf } from './upgrade.ts';
import { acceptWebSocket, chooseProtocol } from './websocket.ts';

const PROTOCOL = 'portforward.k8s.io';

/** SPDY within a WebSocket: messages are pieces of one stream of bytes (KEP-4006). */
const TUNNEL = 'SPDY/3.1+portforward.k8s.io';

/** How long an agent may take to answer, in real milliseconds. */
const CONNECT_MS = 5_000;

/** How long the second stream of a pair may take to come, in real milliseconds (DefaultStreamCreationTimeout). */
const PAIR_TIMEOUT_MS = 30_000;

export async function podPortForward(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const pod = await readPod(edge, target);
  const { agent, kubelet } = await podHost(edge, pod);
  const upgrade = upgradeOf(exchange);
  const forwarded = { agent, name: pod.metadata.name, uid: pod.metadata.uid };
  const clock = edge.connectionClock;
  edge.streams.add(exchange, () => upgrade.end());
  if (!(await answers(agent))) throw dialError(`error dialing backend: ${refused(kubelet)}`);
  if (upgrade.protocol === 'spdy') {
    const protocol = negotiateSpdy(upgrade, [PROTOCOL]);
    await serveStreams(acceptSpdy(upgrade, protocol), forwarded, clock);
    return;
  }
  if (chooseProtocol(upgrade, [TUNNEL, ...PORT_PROTOCOLS]) === TUNNEL) {
    const { createWebSocketStream } = await import('ws');
    const { webSocket } = await acceptWebSocket(upgrade, [TUNNEL]);
    await serveStreams(createWebSocketStream(webSocket), forwarded, clock);
    return;
  }
  const ports = portsOf(exchange.query);
  await servePorts(await acceptWebSocket(upgrade, PORT_PROTOCOLS), ports, forwarded);
}

/** Whether the agent of the node can be reached. */
function answers({ containers }: NodeAgent): Promise<boolean> {
  return new Promise((resolve) => {
    containers.waitForReady(systemClock.now() + CONNECT_MS, (error) => resolve(error === undefined));
  });
}

/** @throws StatusError 400 (portforward/websocket.go, BuildV4Options) */
function portsOf(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((each) => each.split(','));
  if (texts.length === 0) throw badRequest('query parameter "port" is required');
  return texts.map((each) => {
    const port = Number(each);
    if (!/^\d+$/.test(each)) throw badRequest(`unable to parse ${JSON.stringify(each)} as a port`);
    if (port < 1 || port > 65_535) throw badRequest(`port ${JSON.stringify(each)} must be > 0`);
    return port;
  });
}

/** The two streams of one forwarded connection. */
interface Pair {
  port: number;
  data?: SpdyStream;
  error?: SpdyStream;
  late: { cancel(): void };
}

/** Serves the connections of one client. Resolves when the client has gone. */
function serveStreams(transport: Duplex, pod: ForwardedPod, clock: Clock): Promise<void> {
  const pairs = new Map<string, Pair>();
  const drop = (id: string, { data, error }: Pair): void => {
    pairs.delete(id);
    data?.destroy();
    error?.destroy();
  };
  const take = (stream: SpdyStream): void => {
    const type = stream.headers.get('streamtype');
    const port = Number(stream.headers.get('port'));
    if ((type !== 'data' && type !== 'error') || !Number.isInteger(port) || port < 1 || port > 65_535) {
      stream.destroy();
      return;
    }
    const id = stream.headers.get('requestid') ?? String(type === 'error' ? stream.id : stream.id - 2);
    const pair = pairs.get(id) ?? {
      port,
      late: clock.setTimeout(() => drop(id, pairs.get(id)!), PAIR_TIMEOUT_MS),
    };
    pairs.set(id, pair);
    pair[type] = stream;
    const { data, error } = pair;
    if (data === undefined || error === undefined) return;
    pair.late.cancel();
    pairs.delete(id);
    void forward(data, error, pod, pair.port);
  };
  return new Promise((resolve) => {
    SpdyConnection.serve({
      transport,
      onStream: take,
      onEnd: () => {
        for (const { late } of pairs.values()) late.cancel();
        resolve();
      },
    });
  });
}

async function forward(data: SpdyStream, error: SpdyStream, pod: ForwardedPod, port: number): Promise<void> {
  // The client closes its half of it at once.
  error.resume();
  const failure = await carry(data, pod, port);
  error.end(failure);
  if (failure !== undefined) data.destroy();
}
