/** pods/exec and pods/attach: a program in a container, wired to a client (pkg/registry/core/pod/rest/subresources.go). */

import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Pod } from '@orrery/api/gen/types.ts';
import { badRequest, internalError, type Status } from '@orrery/api/status-error.ts';
import type { ExecEnd, ExecInput, ExecOutput } from '@orrery/proto/orrery/node_agent.ts';
import type { Edge } from '../edge.ts';
import type { Exchange } from '../exchange.ts';
import { flag, text } from '../query.ts';
import { sendText } from '../respond.ts';
import type { Target } from '../router.ts';
import type { CommandClient, CommandStreams } from './command-client.ts';
import { AgentRefusal, isUnreachable, refusalOf } from './node-agents.ts';
import { chooseContainer, dialError, podHost, readPod, refused } from './pod-target.ts';
import { room } from './room.ts';
import { SpdyCommand } from './spdy-command.ts';
import { type Upgrade, upgradeOf } from './upgrade.ts';
import { speaksV5, WebSocketCommand } from './websocket-command.ts';

type Call = ClientDuplexStream<ExecInput, ExecOutput>;
type Verb = 'exec' | 'attach';

export function podExec(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  return remoteCommand(edge, exchange, target, 'exec');
}

export function podAttach(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  return remoteCommand(edge, exchange, target, 'attach');
}

async function remoteCommand(edge: Edge, exchange: Exchange, target: Target, verb: Verb): Promise<void> {
  const { query } = exchange;
  const pod = await readPod(edge, target);
  const container = chooseContainer(pod, text(query, 'container'));
  const { agent, kubelet } = await podHost(edge, pod);
  const upgrade = upgradeOf(exchange);
  const streams = streamsOf(query);
  edge.streams.add(exchange, () => upgrade.end());
  const call = agent.containers[verb]();
  exchange.response.on('close', () => call.cancel());
  const command = verb === 'exec' ? query.getAll('command') : [];
  call.write({ input: { $case: 'start', start: { container: refOf(pod, container), command, ...streams } } });
  const outputs = (call as AsyncIterable<ExecOutput>)[Symbol.asyncIterator]();
  try {
    await outputs.next();
  } catch (error) {
    await refuse(edge, exchange, upgrade, streams, failureOf(error, kubelet));
    return;
  }
  try {
    const client = await accept(edge, upgrade, streams);
    void passInput(client, call);
    const end = await passOutput(outputs, client);
    client.finish(outcome(end, command));
  } finally {
    call.cancel();
  }
}

/** @throws StatusError 400 when there is nothing to connect (kubelet/pkg/cri/streaming/remotecommand, NewOptions). */
function streamsOf(query: URLSearchParams): CommandStreams {
  const [stdin, stdout, stderr, tty] = ['stdin', 'stdout', 'stderr', 'tty'].map(
    (name) => flag(query, name) === true,
  ) as [boolean, boolean, boolean, boolean];
  if (!stdin && !stdout && !stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  return { stdin, stdout, stderr: stderr && !tty, tty };
}

function refOf(
  { metadata }: Pod,
  container: string,
): {
  namespace: string;
  pod: string;
  podUid: string;
  container: string;
} {
  return { namespace: metadata.namespace, pod: metadata.name, podUid: metadata.uid, container };
}

function accept(edge: Edge, upgrade: Upgrade, streams: CommandStreams): Promise<CommandClient> {
  return upgrade.protocol === 'spdy'
    ? SpdyCommand.accept(upgrade, streams, edge.connectionClock)
    : WebSocketCommand.accept(upgrade, streams);
}

function failureOf(error: unknown, kubelet: string): Error {
  return isUnreachable(error) ? dialError(`error dialing backend: ${refused(kubelet)}`) : refusalOf(error);
}

/**
 * Tells the client in its way that nothing came of it: since v5 of the WebSocket protocol in the
 * conversation (StreamTranslatorHandler), else with the kubelet's own answer.
 * @throws StatusError for what is answered like any other failure.
 */
async function refuse(
  edge: Edge,
  exchange: Exchange,
  upgrade: Upgrade,
  streams: CommandStreams,
  failure: Error,
): Promise<void> {
  const isRefusal = failure instanceof AgentRefusal;
  if (speaksV5(upgrade)) {
    const client = await accept(edge, upgrade, streams);
    const why = isRefusal ? `unable to upgrade connection: ${failure.message}` : failure.message;
    client.finish(internalError(why).toStatus());
    return;
  }
  if (!isRefusal) throw failure;
  sendText(exchange, failure.code, 'text/plain; charset=utf-8', failure.message);
}

/** Passes on what the client sends, at the pace of the agent. */
async function passInput(client: CommandClient, call: Call): Promise<void> {
  for (let input = await client.receive(); input !== undefined; input = await client.receive()) {
    if (call.destroyed || call.writableEnded) return;
    if (!call.write({ input })) await room(call);
  }
  call.end();
}

/** The agent of the node has died, or a newer one took its place. */
const LOST: ExecEnd = { exitCode: 0, error: 'the connection to the node was lost' };

/** Passes on what the program prints, at the pace of the client. Resolves with its end. */
async function passOutput(outputs: AsyncIterator<ExecOutput>, client: CommandClient): Promise<ExecEnd> {
  try {
    for (let next = await outputs.next(); next.done !== true; next = await outputs.next()) {
      const { output } = next.value;
      if (output?.$case === 'end') return output.end;
      if (output?.$case === 'stdout') await client.write('stdout', output.stdout);
      if (output?.$case === 'stderr') await client.write('stderr', output.stderr);
    }
    return LOST;
  } catch {
    return LOST;
  }
}

/** What became of the program (kubelet/pkg/cri/streaming/remotecommand/exec.go, ServeExec). */
function outcome({ exitCode, error }: ExecEnd, command: readonly string[]): Status {
  const base = { kind: 'Status', apiVersion: 'v1', metadata: {} } as const;
  if (error !== '') return internalError(`error executing command in container: ${error}`).toStatus();
  if (exitCode === 0) return { ...base, status: 'Success' };
  return {
    ...base,
    status: 'Failure',
    message: `command terminated with non-zero exit code: error executing command [${command.join(' ')}], exit code ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}
