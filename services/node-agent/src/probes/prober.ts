/** Carries out one probe (pkg/kubelet/prober/prober.go, pkg/probe). */

import type {
  Container as ContainerSpec,
  GRPCAction,
  Probe,
  TCPSocketAction,
} from '@orrery/api/gen/types.ts';
import type { NetworkStack } from '../network/network.ts';
import type { Container, RuntimeService } from '../runtime/runtime.ts';
import { dialError, hostPort, httpGet, type HttpTarget, httpTarget, resolvePort } from './http-get.ts';
import { OutputBuffer } from './output-buffer.ts';

/** `errored`: nothing was found out, and the result does not count. The text is for the event. */
export type ProbeOutcome =
  | { result: 'success' }
  | { result: 'warning' | 'failure' | 'errored'; text: string };

/** What a probe needs to know of its container. */
export interface ProbeTarget {
  spec: ContainerSpec;
  container: Container;
  podIp: string;
  /** The probe comes from here: the node's namespace. */
  stack: NetworkStack;
}

/** A probe that has been made ready once, to be carried out many times. */
export interface ProbeAction {
  /** Resolves to its outcome, never rejects. After an abort nobody waits for it. */
  run(signal: AbortSignal): Promise<ProbeOutcome>;
  /** What it comes to when it has not ended in time. */
  readonly timedOut: ProbeOutcome;
}

const SUCCESS: ProbeOutcome = { result: 'success' };

/** Of an answer to a request that was redirected, that much goes into the event. */
const MAX_BODY_BYTES = 10 * 1024;
const USER_AGENT = 'kube-probe/1.34';

/** As upstream says it in messages: `Liveness probe failed: ...`. */
function failure(text: string): ProbeOutcome {
  return { result: 'failure', text };
}

/** An action that cannot be carried out, whatever happens. */
function broken(error: unknown): ProbeAction {
  const outcome: ProbeOutcome = { result: 'errored', text: (error as Error).message };
  return { run: async () => outcome, timedOut: outcome };
}

export function probeAction(
  runtime: Pick<RuntimeService, 'exec'>,
  { exec, httpGet: http, tcpSocket, grpc, timeoutSeconds = 1 }: Probe,
  target: ProbeTarget,
): ProbeAction {
  try {
    if (exec !== undefined) return execAction(runtime, exec.command ?? [], timeoutSeconds, target);
    if (http !== undefined)
      return httpAction(httpTarget(http, target.spec, target.podIp, USER_AGENT), target.stack);
    if (tcpSocket !== undefined) return tcpAction(tcpSocket, target);
    if (grpc !== undefined) return grpcAction(grpc, timeoutSeconds, target);
    throw new Error(`missing probe handler for ${target.spec.name}`);
  } catch (error) {
    return broken(error);
  }
}

function execAction(
  runtime: Pick<RuntimeService, 'exec'>,
  command: readonly string[],
  timeoutSeconds: number,
  { container }: ProbeTarget,
): ProbeAction {
  const run = async (signal: AbortSignal): Promise<ProbeOutcome> => {
    const output = new OutputBuffer();
    try {
      const session = runtime.exec(container.id, command, { stdout: output, stderr: output });
      signal.addEventListener('abort', () => session.signal('SIGKILL'), { once: true });
      return (await session.ended) === 0 ? SUCCESS : failure(output.text());
    } catch (error) {
      const text = `rpc error: code = Unknown desc = failed to exec in container: ${(error as Error).message}`;
      return { result: 'errored', text };
    }
  };
  const timedOut = failure(`command timed out: "${command.join(' ')}" timed out after ${timeoutSeconds}s`);
  return { run, timedOut };
}

function httpAction(target: HttpTarget, stack: NetworkStack): ProbeAction {
  const run = async (signal: AbortSignal): Promise<ProbeOutcome> => {
    try {
      const { status, body } = await httpGet(stack, target, signal);
      if (status < 200 || status >= 400) return failure(`HTTP probe failed with statuscode: ${status}`);
      if (status < 300) return SUCCESS;
      const text = Buffer.from(body).toString('utf8', 0, MAX_BODY_BYTES);
      return { result: 'warning', text: `Probe terminated redirects, Response body: ${text}` };
    } catch (error) {
      return failure((error as Error).message);
    }
  };
  const timedOut = failure(
    `Get "${target.url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  );
  return { run, timedOut };
}

function tcpAction({ host = '', port: named }: TCPSocketAction, target: ProbeTarget): ProbeAction {
  const { stack, podIp, spec } = target;
  const port = resolvePort(named, spec);
  const to = host === '' ? podIp : host;
  const run = async (signal: AbortSignal): Promise<ProbeOutcome> => {
    try {
      const connection = await stack.connect(to, port, { signal });
      // Whoever listens may say something before the end arrives: nobody reads it.
      connection.on('error', () => undefined);
      connection.destroy();
      return SUCCESS;
    } catch (error) {
      return failure(dialError(error, stack.ip, to, port));
    }
  };
  return { run, timedOut: failure(`dial tcp ${hostPort(to, port)}: i/o timeout`) };
}

function grpcAction(
  { port, service = '' }: GRPCAction,
  timeoutSeconds: number,
  { stack, podIp }: ProbeTarget,
): ProbeAction {
  const unreachable = failure(
    `timeout: failed to connect service "${hostPort(podIp, port)}" within ${timeoutSeconds}s: context deadline exceeded`,
  );
  const run = async (): Promise<ProbeOutcome> => {
    try {
      const status = await stack.checkHealth(podIp, port, service);
      return HEALTH[status];
    } catch {
      // A client of gRPC goes on trying to connect until its time is over.
      return new Promise(() => undefined);
    }
  };
  return { run, timedOut: unreachable };
}

const HEALTH: Readonly<Record<Awaited<ReturnType<NetworkStack['checkHealth']>>, ProbeOutcome>> = {
  SERVING: SUCCESS,
  NOT_SERVING: failure('service unhealthy (responded with "NOT_SERVING")'),
  NOT_FOUND: failure('error: health rpc probe failed: rpc error: code = NotFound desc = unknown service'),
  UNIMPLEMENTED: failure(
    'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health',
  ),
};
