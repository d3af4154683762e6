/** The way to the agents of nodes: one gRPC channel per address, kept while it is used. */

import { Channel, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { NodeAgentClient, PodNetworkClient } from '@orrery/proto/orrery/node_agent.ts';
import { internalError, StatusError } from '@orrery/api/status-error.ts';

/** Agents to which a channel is kept; the one used longest ago goes first. */
const MAX_CHANNELS = 256;

const CHANNEL_OPTIONS = {
  // A frozen or half-open agent is noticed after time + timeout.
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // The connection of a channel without calls is closed, and opened again at the next.
  'grpc.client_idle_timeout_ms': 60_000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
  // grpc-js would send even calls to the own machine through the user's `http_proxy`.
  'grpc.enable_http_proxy': 0,
} as const;

/** What one agent is asked. */
export interface NodeAgent {
  readonly containers: NodeAgentClient;
  readonly network: PodNetworkClient;
}

export class NodeAgents {
  /** By HOST:PORT; the one used last comes last. */
  readonly #agents = new Map<string, NodeAgent & { channel: Channel }>();

  at(address: string): NodeAgent {
    const known = this.#agents.get(address);
    const agent = known ?? connect(address);
    this.#agents.delete(address);
    this.#agents.set(address, agent);
    if (this.#agents.size > MAX_CHANNELS) {
      // Calls on it go on to their end.
      const [oldest] = this.#agents.keys();
      this.#agents.get(oldest!)!.channel.close();
      this.#agents.delete(oldest!);
    }
    return agent;
  }

  close(): void {
    for (const { channel } of this.#agents.values()) channel.close();
    this.#agents.clear();
  }
}

function connect(address: string): NodeAgent & { channel: Channel } {
  const insecure = credentials.createInsecure();
  const channel = new Channel(address, insecure, CHANNEL_OPTIONS);
  const options = { channelOverride: channel };
  return {
    channel,
    containers: new NodeAgentClient(address, insecure, options),
    network: new PodNetworkClient(address, insecure, options),
  };
}

/** The agent does not do what it was asked. The text is what the kubelet says in its place. */
export class AgentRefusal extends Error {
  /** As the kubelet answers over HTTP. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'AgentRefusal';
    this.code = code;
  }
}

const HTTP_CODES: Readonly<Partial<Record<status, number>>> = {
  [status.NOT_FOUND]: 404,
  [status.FAILED_PRECONDITION]: 400,
  [status.INVALID_ARGUMENT]: 400,
};

/** Whether a call failed because nobody answers at the address. */
export function isUnreachable(error: unknown): boolean {
  const { code } = error as ServiceError;
  return code === status.UNAVAILABLE || code === status.CANCELLED || code === status.DEADLINE_EXCEEDED;
}

/** What the agent said when a call failed. */
export function refusalOf(error: unknown): AgentRefusal {
  const { code, details } = error as ServiceError;
  return new AgentRefusal(HTTP_CODES[code] ?? 500, details ?? (error as Error).message);
}

/** A refusal as upstream's apiserver passes it on for a request that it relays whole (GenericHttpResponseChecker). */
export function relayedError({ code, message }: AgentRefusal, resource: string, name: string): StatusError {
  if (code === 400) return new StatusError(400, 'BadRequest', message);
  if (code !== 404) return internalError(message);
  const details = { name, kind: resource, causes: [{ reason: 'UnexpectedServerResponse', message }] };
  return new StatusError(
    404,
    'NotFound',
    `the server could not find the requested resource (${resource} ${name})`,
    details,
  );
}
