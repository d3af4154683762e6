/** Runs lifecycle hooks of containers (pkg/kubelet/lifecycle/handlers.go). */

import type { Container as ContainerSpec, LifecycleHandler, Pod } from '@orrery/api/gen/types.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Network } from '../network/network.ts';
import { httpGet, httpTarget } from '../probes/http-get.ts';
import { OutputBuffer } from '../probes/output-buffer.ts';
import type { Container, PodSandbox, RuntimeService } from '../runtime/runtime.ts';
import type { HookRunner } from './hooks.ts';

export interface HookRunnerOptions {
  /** The cluster's clock. */
  clock: Clock;
  runtime: Pick<RuntimeService, 'exec' | 'podSandboxStatus'>;
  network: Pick<Network, 'nodeStack'>;
}

const USER_AGENT = 'kube-lifecycle/1.34';

/** A hook did not do what it should. The message is upstream's. */
export class HookError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'HookError';
  }
}

/** The pod of an error message (pkg/kubelet/util/format). */
function nameOf({ metadata: { name, namespace, uid } }: Pod): string {
  return `${name}_${namespace}(${uid})`;
}

export class ContainerHookRunner implements HookRunner {
  readonly #options: HookRunnerOptions;

  constructor(options: HookRunnerOptions) {
    this.#options = options;
  }

  /**
   * Runs a hook of a running container: a command in it, a request from the node, or a sleep on the
   * cluster's clock. Has no time limit of its own: ends soon after `signal` is aborted, and a command
   * is killed then. Any answer to a request will do, whatever its status, as upstream.
   * @throws HookError; also for tcpSocket, which no hook can have.
   */
  async run(pod: Pod, container: Container, hook: LifecycleHandler, signal: AbortSignal): Promise<void> {
    const whose = `for Container ${JSON.stringify(container.name)} in Pod ${JSON.stringify(nameOf(pod))}`;
    const { exec, httpGet: http, sleep } = hook;
    if (exec !== undefined) {
      await this.#exec(exec.command ?? [], container, whose, signal);
    } else if (http !== undefined) {
      try {
        await untilAborted(signal, (late) => this.#request(pod, container, http, late));
      } catch (error) {
        const text = (error as Error).message;
        throw new HookError(
          `HTTP lifecycle hook (${http.path ?? ''}) ${whose} failed - error: ${text}`,
          error,
        );
      }
    } else if (sleep !== undefined) {
      await this.#options.clock.sleep(sleep.seconds * 1_000, signal);
      if (!signal.aborted) return;
      const text = 'container terminated before sleep hook finished';
      throw new HookError(`Sleep lifecycle hook (${sleep.seconds}) ${whose} failed - error: ${text}`);
    } else {
      throw new HookError(`Cannot run handler: invalid handler: ${JSON.stringify(hook)}`);
    }
  }

  async #exec(
    command: readonly string[],
    container: Container,
    whose: string,
    signal: AbortSignal,
  ): Promise<void> {
    const output = new OutputBuffer();
    const errors = new OutputBuffer();
    const failed = (text: string, cause?: unknown): HookError =>
      new HookError(
        `Exec lifecycle hook ([${command.join(' ')}]) ${whose} failed - error: ${text}, message: ${JSON.stringify(output.text() + errors.text())}`,
        cause,
      );
    let exitCode: number;
    try {
      const session = this.#options.runtime.exec(container.id, command, { stdout: output, stderr: errors });
      exitCode = await untilAborted(signal, (late) => {
        late.addEventListener('abort', () => session.signal('SIGKILL'), { once: true });
        return session.ended;
      });
    } catch (error) {
      throw failed((error as Error).message, error);
    }
    if (exitCode !== 0)
      throw failed(`command '${command.join(' ')}' exited with ${exitCode}: ${errors.text()}`);
  }

  async #request(
    pod: Pod,
    container: Container,
    action: NonNullable<LifecycleHandler['httpGet']>,
    signal: AbortSignal,
  ): Promise<void> {
    const { runtime, network } = this.#options;
    const sandbox: PodSandbox | undefined = runtime.podSandboxStatus(container.podSandboxId);
    if (sandbox === undefined) throw new Error('failed to find networking container');
    const target = httpTarget(action, specOf(pod, container), sandbox.ip, USER_AGENT);
    await httpGet(network.nodeStack(sandbox.node), target, signal);
  }
}

function specOf({ spec }: Pod, { name }: Container): Pick<ContainerSpec, 'ports'> {
  return [...spec.containers, ...(spec.initContainers ?? [])].find((each) => each.name === name) ?? {};
}

/** The work, or a rejection as soon as nobody waits for it any more. */
function untilAborted<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error('context canceled'));
    signal.addEventListener('abort', onAbort, { once: true });
    work(signal)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
