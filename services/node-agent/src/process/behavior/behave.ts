/** Runs a behaviour that a pod is annotated with (lib/api/src/behavior.ts). */

import type { Behavior, Course, HttpAnswer } from '@orrery/api/behavior.ts';
import { type HttpHandler, NetworkError, type PortService } from '../../network/network.ts';
import type { ContainerConfig } from '../../runtime/runtime.ts';
import { SILENT } from '../images/server.ts';
import type { Process, Program } from '../process.ts';

/** A ramp is climbed in so many steps at most, none shorter than a second. */
const RAMP_STEPS = 100;

/** Resolves at `atSeconds` of the container's life, or when it is over. */
function until({ clock, startedAtMs, killed }: Process, atSeconds: number): Promise<void> {
  return clock.sleep(Math.max(0, startedAtMs + atSeconds * 1_000 - clock.now()), killed);
}

function valueAt({ from, to, seconds }: Course, ageSeconds: number): number {
  return ageSeconds >= seconds ? to : from + ((to - from) * Math.max(0, ageSeconds)) / seconds;
}

async function follow(process: Process, course: Course, set: (value: number) => void): Promise<void> {
  const stepSeconds = Math.max(1, course.seconds / RAMP_STEPS);
  for (;;) {
    const age = (process.clock.now() - process.startedAtMs) / 1_000;
    set(Math.round(valueAt(course, age)));
    if (age >= course.seconds || process.killed.aborted) return;
    await until(process, Math.min(course.seconds, age + stepSeconds));
  }
}

/** The exact path, or else the longest that ends in `*` and fits. */
export function answerFor(paths: ReadonlyMap<string, HttpAnswer>, path: string): HttpAnswer | undefined {
  const exact = paths.get(path);
  if (exact !== undefined) return exact;
  let best: string | undefined;
  for (const each of paths.keys()) {
    if (each.endsWith('*') && path.startsWith(each.slice(0, -1)) && each.length > (best?.length ?? 0))
      best = each;
  }
  return best === undefined ? undefined : paths.get(best);
}

function website(process: Process, behavior: Behavior, paths: ReadonlyMap<string, HttpAnswer>): HttpHandler {
  const { readySeconds = 0, cpuSecondsPerRequest = 0 } = behavior;
  const { clock, startedAtMs, killed, usage } = process;
  return async ({ target }) => {
    if (cpuSecondsPerRequest > 0) await usage.work(cpuSecondsPerRequest * 1_000);
    if (clock.now() < startedAtMs + readySeconds * 1_000) return { status: 503, body: 'not ready\n' };
    const answer = answerFor(paths, target.split('?', 1)[0]!);
    if (answer === undefined) return { status: 404, body: 'not found\n' };
    if (answer.delaySeconds !== undefined) await clock.sleep(answer.delaySeconds * 1_000, killed);
    const { status, headers, body = '' } = answer;
    return headers === undefined ? { status, body } : { status, headers, body };
  };
}

function services(process: Process, behavior: Behavior): [number, PortService][] {
  const { http = new Map<number, never>(), tcp = [], grpc = new Map<number, never>() } = behavior;
  return [
    ...Array.from(http, ([port, paths]): [number, PortService] => [
      port,
      { http: website(process, behavior, paths) },
    ]),
    ...tcp.map((port): [number, PortService] => [port, SILENT]),
    ...Array.from(grpc, ([port, health]): [number, PortService] => [
      port,
      { ...SILENT, grpcHealth: () => health },
    ]),
  ];
}

/** Prints a line again and again: at the times that follow from the start, whoever runs it. */
async function repeat(process: Process, line: string, everySeconds: number): Promise<void> {
  const { clock, startedAtMs, killed, stdout } = process;
  while (!killed.aborted) {
    const turns = Math.floor((clock.now() - startedAtMs) / 1_000 / everySeconds + 1e-9);
    await until(process, (turns + 1) * everySeconds);
    if (!killed.aborted) await stdout.write(`${line}\n`);
  }
}

async function print(process: Process, { logs = [] }: Behavior): Promise<void> {
  const once = logs.filter(({ everySeconds }) => everySeconds === undefined);
  if (once.length > 0 && process.progress.saved === undefined) {
    process.progress.save('printed');
    await process.stdout.write(once.map(({ line }) => `${line}\n`).join(''));
  }
  for (const { line, everySeconds } of logs)
    if (everySeconds !== undefined) void repeat(process, line, everySeconds);
}

/** When and how it ends by itself. */
export function endOf(
  behavior: Behavior,
  attempt: number,
  runsToCompletion: boolean,
): { seconds: number; exitCode: number } | undefined {
  const { crashSeconds = [], crashExitCode = 1, exitCode = 0, startupSeconds = 0 } = behavior;
  const crash = crashSeconds[attempt];
  if (crash !== undefined) return { seconds: crash, exitCode: crashExitCode };
  if (behavior.runSeconds !== undefined) return { seconds: behavior.runSeconds, exitCode };
  return runsToCompletion ? { seconds: startupSeconds, exitCode } : undefined;
}

function onTerm(process: Process, { termination }: Behavior, exit: (code: number) => void): void {
  if (termination === 'ignore') return;
  const { seconds = 0, exitCode = 0 } = termination ?? {};
  let isEnding = false;
  process.onSignal('SIGTERM', () => {
    if (isEnding) return;
    isEnding = true;
    void process.clock.sleep(seconds * 1_000, process.killed).then(() => exit(exitCode));
  });
}

/** The program of a container with a behaviour. */
export function behave({
  behavior = {},
  attempt,
  runsToCompletion,
}: Pick<ContainerConfig, 'behavior' | 'attempt' | 'runsToCompletion'>): Program {
  return async (process) => {
    const exit = Promise.withResolvers<number>();
    onTerm(process, behavior, exit.resolve);
    const end = endOf(behavior, attempt, runsToCompletion);
    if (end !== undefined) void until(process, end.seconds).then(() => exit.resolve(end.exitCode));
    const { usage } = process;
    if (behavior.memory !== undefined)
      void follow(process, behavior.memory, (memoryBytes) => usage.set({ memoryBytes }));
    if (behavior.cpu !== undefined) void follow(process, behavior.cpu, (cpuMilli) => usage.set({ cpuMilli }));
    void print(process, behavior);
    const listen = async (): Promise<void> => {
      if (behavior.startupSeconds !== undefined) await until(process, behavior.startupSeconds);
      if (process.killed.aborted) return;
      try {
        for (const [port, service] of services(process, behavior)) process.network.listen(port, service);
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
        await process.stderr.write(`listen: ${error.message}\n`);
        exit.resolve(1);
      }
    };
    await Promise.race([listen(), exit.promise]);
    return exit.promise;
  };
}
