/** The way into containers, for the apiserver: NodeAgent over gRPC. */

import { NodeAgentService } from '@orrery/proto/orrery/node_agent.ts';
import type { GrpcService } from '../grpc-server.ts';
import type { ContainerLogs } from '../logs/container-logs.ts';
import type { RuntimeService } from '../runtime/runtime.ts';
import { serveLogs } from './container-log-stream.ts';
import { ContainerLookup, type ContainerLookupOptions } from './container-lookup.ts';
import { attachTo, execIn, serveRemoteCommand } from './remote-command.ts';

export interface NodeAgentServiceOptions extends ContainerLookupOptions {
  runtime: Pick<
    RuntimeService,
    'listPodSandbox' | 'listContainers' | 'podSandboxStatus' | 'containerStatus' | 'exec' | 'attach'
  >;
  logs: ContainerLogs;
}

export function nodeAgentService(options: NodeAgentServiceOptions): GrpcService {
  const { runtime, logs } = options;
  const lookup = new ContainerLookup(options);
  const exec = execIn(lookup, runtime);
  const attach = attachTo(lookup, runtime);
  return {
    definition: NodeAgentService,
    implementation: {
      logs: (call: Parameters<typeof serveLogs>[2]) => void serveLogs(lookup, logs, call),
      exec: (call: Parameters<typeof serveRemoteCommand>[0]) => serveRemoteCommand(call, exec),
      attach: (call: Parameters<typeof serveRemoteCommand>[0]) => serveRemoteCommand(call, attach),
    },
  };
}
