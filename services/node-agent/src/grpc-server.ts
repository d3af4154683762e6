/** The gRPC port of the agent: the runtime from outside, the network beyond this agent, the way into containers. */

import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

/** One service of the port. */
export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface GrpcServer {
  readonly port: number;
  /** Ends every call. */
  close(): void;
}

/** Starts to serve; rejects when the port is taken. */
export async function serveGrpc(
  services: readonly GrpcService[],
  { bind, port }: { bind: string; port: number },
): Promise<GrpcServer> {
  const server = new Server();
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  const boundPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${bind}:${port}`, ServerCredentials.createInsecure(), (error, actual) => {
      if (error === null) resolve(actual);
      else reject(error);
    });
  });
  return { port: boundPort, close: () => server.forceShutdown() };
}
