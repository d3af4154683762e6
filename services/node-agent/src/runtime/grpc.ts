/** The runtime from outside: CRI's list verbs over gRPC, the ground truth of what runs. */

import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import {
  type ListContainersRequest,
  type ListContainersResponse,
  type ListPodSandboxRequest,
  type ListPodSandboxResponse,
  RuntimeService as RuntimeServiceDefinition,
} from '@orrery/proto/orrery/runtime.ts';
import type { GrpcService } from '../grpc-server.ts';
import type { RuntimeService } from './runtime.ts';

type ListingRuntime = Pick<RuntimeService, 'listPodSandbox' | 'listContainers' | 'podSandboxStatus'>;

/** The sandboxes that a request asks for. */
export function listPodSandbox(
  runtime: ListingRuntime,
  { node }: ListPodSandboxRequest,
): ListPodSandboxResponse {
  const sandboxes = runtime.listPodSandbox(node === '' ? {} : { node });
  // The cluster's clock has fractions of milliseconds when it runs at another rate; the message has none.
  return { items: sandboxes.map((each) => ({ ...each, createdAtMs: Math.floor(each.createdAtMs) })) };
}

/** The containers that a request asks for. */
export function listContainers(
  runtime: ListingRuntime,
  { node, podSandboxId }: ListContainersRequest,
): ListContainersResponse {
  const all = runtime.listContainers(podSandboxId === '' ? {} : { podSandboxId });
  const isWanted = (sandbox: string): boolean =>
    node === '' || runtime.podSandboxStatus(sandbox)?.node === node;
  return { items: all.filter((each) => isWanted(each.podSandboxId)) };
}

/** CRI's list verbs as a gRPC service. */
export function runtimeService(runtime: ListingRuntime): GrpcService {
  return {
    definition: RuntimeServiceDefinition,
    implementation: {
      listPodSandbox: (
        { request }: ServerUnaryCall<ListPodSandboxRequest, ListPodSandboxResponse>,
        reply: sendUnaryData<ListPodSandboxResponse>,
      ) => reply(null, listPodSandbox(runtime, request)),
      listContainers: (
        { request }: ServerUnaryCall<ListContainersRequest, ListContainersResponse>,
        reply: sendUnaryData<ListContainersResponse>,
      ) => reply(null, listContainers(runtime, request)),
    },
  };
}
