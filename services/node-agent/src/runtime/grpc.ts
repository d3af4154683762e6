/** The runtime from outside: CRI's list verbs over gRPC, the ground truth of what runs. */

import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import {
  type ListContainersRequest,
  type ListContainersResponse,
  type ListPodSandboxRequest,
  type ListPodSandboxResponse,
  RuntimeService as RuntimeServiceDefinition,
} from '@orrery/proto/orrery/runtime.ts';
import type { RuntimeService } from './runtime.ts';

export interface RuntimeServer {
  readonly port: number;
  close(): void;
}

/** Starts to serve; rejects when the port is taken. */
export async function serveRuntime(
  runtime: RuntimeService,
  { bind, port }: { bind: string; port: number },
): Promise<RuntimeServer> {
  const server = new Server();
  server.addService(RuntimeServiceDefinition, {
    listPodSandbox: (
      { request }: ServerUnaryCall<ListPodSandboxRequest, ListPodSandboxResponse>,
      reply: sendUnaryData<ListPodSandboxResponse>,
    ) => reply(null, { items: runtime.listPodSandbox(request.node === '' ? {} : { node: request.node }) }),
    listContainers: (
      { request }: ServerUnaryCall<ListContainersRequest, ListContainersResponse>,
      reply: sendUnaryData<ListContainersResponse>,
    ) => {
      const { node, podSandboxId } = request;
      const all = runtime.listContainers(podSandboxId === '' ? {} : { podSandboxId });
      const items =
        node === '' ? all : all.filter((each) => runtime.podSandboxStatus(each.podSandboxId)?.node === node);
      reply(null, { items });
    },
  });
  const boundPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${bind}:${port}`, ServerCredentials.createInsecure(), (error, actual) => {
      if (error === null) resolve(actual);
      else reject(error);
    });
  });
  return { port: boundPort, close: () => server.forceShutdown() };
}
