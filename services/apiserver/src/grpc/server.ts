/** The gRPC port for the services of the cluster. */

import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { systemClock } from '@orrery/kit/clock.ts';
import { ApiServerService, type RequestBatch, type ResponseBatch } from '@orrery/proto/orrery/apiserver.ts';
import { serveSession, type SessionDependencies } from './session.ts';

export interface GrpcServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Messages carry batches of objects; lists of 500 pods are a few MiB. */
const LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024;

/** How long sessions get to finish what is in flight when the server closes, in real milliseconds. */
const DRAIN_MS = 1_000;

/**
 * Starts to serve. It listens without TLS: the port must be reachable by the services of
 * the cluster only (loopback, or the network of the containers).
 */
export async function serveGrpc(
  dependencies: SessionDependencies,
  { bind, port }: { bind: string; port: number },
): Promise<GrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': LARGEST_MESSAGE_BYTES,
    'grpc.max_send_message_length': LARGEST_MESSAGE_BYTES,
    // Services ping an idle session to notice a frozen apiserver quickly.
    'grpc.http2.min_ping_interval_without_data_ms': 500,
    'grpc.keepalive_permit_without_calls': 1,
  });
  server.addService(ApiServerService, {
    session: (stream: ServerDuplexStream<RequestBatch, ResponseBatch>) => serveSession(dependencies, stream),
  });
  const boundPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${bind}:${port}`, ServerCredentials.createInsecure(), (error, actual) => {
      if (error === null) resolve(actual);
      else reject(error);
    });
  });
  return {
    port: boundPort,
    close: () =>
      new Promise((resolve) => {
        const force = systemClock.setTimeout(() => server.forceShutdown(), DRAIN_MS);
        server.tryShutdown(() => {
          force.cancel();
          resolve();
        });
      }),
  };
}
