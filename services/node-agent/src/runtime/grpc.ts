/** The runtime from outside: CRI's list verbs over gRPC, the ground truth of what runs. */

import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import {
  type Container as ContainerMessage,
  type ListContainersRequest,
  type ListContainersResponse,
  type ListPodSandboxRequest,
  type ListPodSandboxResponse,
  RuntimeService as RuntimeServiceDefinition,
} from '@orrery/proto/orrery/runtime.ts';
import type { GrpcService } from '../grpc-server.ts';
import type { Container, RuntimeService } from './runtime.ts';

type ListingRuntime = Pick<RuntimeService, 'listPodSandbox' | 'listContainers' | 'podSandboxStatus'>;

/** The sandboxes that a request asks for. */
export function listPodSandbox(
  runtime: ListingRuntime,
  { node }: ListPodSandboxRequest,
): ListPodSandboxResponse {
  const sandboxes = runtime.listPodSandbox(node === '' ? {} : { node });
  return { items: sandboxes.map((each) => ({ ...each, createdAtMs: wholeMs(each.createdAtMs) })) };
}

/** The cluster's clock has fractions of milliseconds when it runs at another rate; the messages have none. */
function wholeMs(ms: number): number {
  return Math.floor(ms);
}

/** The containers that a request asks for. */
export function listContainers(
  runtime: ListingRuntime,
  { node, podSandboxId }: ListContainersRequest,
): ListContainersResponse {
  const all = runtime.listContainers(podSandboxId === '' ? {} : { podSandboxId });
  const isWanted = (sandbox: string): boolean =>
    node === '' || runtime.podSandboxStatus(sandbox)?.node === node;
  return { items: all.filter((each) => isWanted(each.podSandboxId)).map(containerMessage) };
}

function containerMessage(container: Container): ContainerMessage {
  const { startedAtMs, finishedAtMs } = container;
  return {
    ...container,
    createdAtMs: wholeMs(container.createdAtMs),
    startedAtMs: startedAtMs === undefined ? undefined : wholeMs(startedAtMs),
    finishedAtMs: finishedAtMs === undefined ? undefined : wholeMs(finishedAtMs),
    exitCode: container.exitCode,
    reason: container.reason,
  };
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
