/** Probes of all containers of an agent (pkg/kubelet/prober, prober_manager.go and worker.go). */

import type { Container as ContainerSpec, Pod, Probe } from '@orrery/api/gen/types.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Counter, Metrics } from '@orrery/kit/metrics.ts';
import { random } from '@orrery/kit/random.ts';
import { containerSubject } from '../events/container-subject.ts';
import type { Network } from '../network/network.ts';
import type { Container, RuntimeService } from '../runtime/runtime.ts';
import { type Due, DueQueue } from './due-queue.ts';
import type { ProbeKind, ProbeManager } from './probe-manager.ts';
import { afterResult, initialState, type ProbeResult, type ProbeState } from './probe-state.ts';
import { type ProbeAction, probeAction, type ProbeOutcome } from './prober.ts';

export interface ContainerProbesOptions {
  /** The cluster's clock. */
  clock: Clock;
  runtime: Pick<RuntimeService, 'exec' | 'podSandboxStatus'>;
  network: Pick<Network, 'nodeStack'>;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
  metrics: Metrics;
  /** Told that a verdict on a container of the pod changed. */
  onChange: (podUid: string) => void;
}

const NAMES: Readonly<Record<ProbeKind, string>> = {
  startup: 'Startup',
  liveness: 'Liveness',
  readiness: 'Readiness',
};

const DEFAULT_PERIOD_SECONDS = 10;
const DEFAULT_TIMEOUT_SECONDS = 1;

/** One probe of one container. In the queue it waits for its next turn, or for its timeout while it is under way. */
interface Worker extends Due {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly probed: ProbedContainer;
  action: ProbeAction | undefined;
  state: ProbeState;
  /** When it began, or was to begin, last: its turns are a period apart. */
  turnMs: number;
  /** Present while it is under way. */
  abort: AbortController | undefined;
  stopped: boolean;
}

/** A running container that has probes. */
interface ProbedContainer {
  /** The newest that is known. */
  pod: Pod;
  readonly node: string;
  readonly spec: ContainerSpec;
  readonly container: Container;
  readonly workers: Partial<Record<ProbeKind, Worker>>;
}

/** The containers that can have probes: an init container only as a sidecar (KEP-753). */
function* probedSpecs({ spec }: Pod): Iterable<ContainerSpec> {
  for (const each of spec.containers) if (hasProbes(each)) yield each;
  for (const each of spec.initContainers ?? []) if (hasProbes(each)) yield each;
}

function hasProbes({ startupProbe, livenessProbe, readinessProbe }: ContainerSpec): boolean {
  return startupProbe !== undefined || livenessProbe !== undefined || readinessProbe !== undefined;
}

export class ContainerProbes implements ProbeManager {
  readonly #options: ContainerProbesOptions;
  readonly #queue: DueQueue<Worker>;
  readonly #total: Counter<'probe_type' | 'result'>;
  /** Containers that run since before belong to an agent before this one. */
  readonly #startedAtMs: number;
  /** By pod uid, and then by the id of the container; no pod without probes. */
  readonly #pods = new Map<string, Map<string, ProbedContainer>>();
  readonly #containers = new Map<string, ProbedContainer>();

  constructor(options: ContainerProbesOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.now();
    this.#queue = new DueQueue(options.clock, (worker) => this.#due(worker));
    this.#total = options.metrics.counter('prober_probe_total', 'Probes of containers by kind and result.', [
      'probe_type',
      'result',
    ]);
  }

  follow(pod: Pod, containers: readonly Container[]): void {
    const { uid, deletionTimestamp } = pod.metadata;
    const before = this.#pods.get(uid);
    let now: Map<string, ProbedContainer> | undefined;
    for (const spec of probedSpecs(pod)) {
      const running = containers.findLast(({ name }) => name === spec.name);
      if (running?.state !== 'CONTAINER_RUNNING') continue;
      const probed = before?.get(running.id) ?? this.#begin(pod, spec, running);
      if (probed === undefined) continue;
      probed.pod = pod;
      (now ??= new Map()).set(running.id, probed);
    }
    for (const [id, probed] of before ?? []) if (now?.has(id) !== true) this.#end(id, probed);
    if (now === undefined) this.#pods.delete(uid);
    else this.#pods.set(uid, now);
    if (deletionTimestamp !== undefined) this.stopLivenessAndStartup(uid);
  }

  stopLivenessAndStartup(podUid: string): void {
    for (const { workers } of this.#pods.get(podUid)?.values() ?? []) {
      for (const worker of [workers.startup, workers.liveness]) {
        if (worker === undefined || worker.stopped) continue;
        this.#stop(worker);
        // So that the pod ends in quiet.
        worker.state = { ...worker.state, verdict: 'success' };
      }
    }
  }

  forget(podUid: string): void {
    for (const [id, probed] of this.#pods.get(podUid) ?? []) this.#end(id, probed);
    this.#pods.delete(podUid);
  }

  isReady(container: Container): boolean {
    const readiness = this.#containers.get(container.id)?.workers.readiness;
    return this.hasStarted(container) && (readiness === undefined || readiness.state.verdict === 'success');
  }

  hasStarted(container: Container): boolean {
    const startup = this.#containers.get(container.id)?.workers.startup;
    return startup === undefined || startup.state.verdict === 'success';
  }

  failure(container: Container): 'startup' | 'liveness' | undefined {
    const { startup, liveness } = this.#containers.get(container.id)?.workers ?? {};
    if (startup?.state.verdict === 'failure') return 'startup';
    return liveness?.state.verdict === 'failure' ? 'liveness' : undefined;
  }

  /** The process ends: nothing is probed any more. */
  stop(): void {
    for (const uid of this.#pods.keys()) this.forget(uid);
    this.#queue.clear();
  }

  /** Undefined when its sandbox is gone. */
  #begin(pod: Pod, spec: ContainerSpec, container: Container): ProbedContainer | undefined {
    const sandbox = this.#options.runtime.podSandboxStatus(container.podSandboxId);
    if (sandbox === undefined) return undefined;
    const probed: ProbedContainer = { pod, node: sandbox.node, spec, container, workers: {} };
    const { startupProbe, livenessProbe, readinessProbe } = spec;
    for (const [kind, probe] of [
      ['startup', startupProbe],
      ['liveness', livenessProbe],
      ['readiness', readinessProbe],
    ] as const) {
      if (probe !== undefined) probed.workers[kind] = this.#worker(kind, probe, probed);
    }
    this.#containers.set(container.id, probed);
    for (const worker of Object.values(probed.workers)) this.#beginWorker(worker);
    return probed;
  }

  #worker(kind: ProbeKind, probe: Probe, probed: ProbedContainer): Worker {
    return {
      kind,
      probe,
      probed,
      action: undefined,
      state: this.#isOlder(probed) ? reportedState(kind, probed) : initialState(kind),
      turnMs: 0,
      abort: undefined,
      stopped: false,
      dueAtMs: 0,
      place: -1,
    };
  }

  #isOlder({ container }: ProbedContainer): boolean {
    return (container.startedAtMs ?? this.#startedAtMs) < this.#startedAtMs;
  }

  /**
   * The first turn is when the initial delay is over; those of containers that ran before the
   * agent did are spread over a period, or all of them would be probed at once. Until the startup
   * probe has succeeded it is alone.
   */
  #beginWorker(worker: Worker): void {
    const { kind, probe, probed } = worker;
    const { startup } = probed.workers;
    if (kind === 'startup' ? worker.state.verdict === 'success' : !hasSucceeded(startup)) return;
    const nowMs = this.#options.clock.now();
    const delayMs = (probe.initialDelaySeconds ?? 0) * 1_000;
    const earliestMs = Math.max(nowMs, (probed.container.startedAtMs ?? nowMs) + delayMs);
    worker.turnMs = earliestMs + (this.#isOlder(probed) ? Math.floor(random() * periodMs(probe)) : 0);
    this.#queue.set(worker, worker.turnMs);
  }

  #end(id: string, { workers }: ProbedContainer): void {
    this.#containers.delete(id);
    for (const worker of Object.values(workers)) this.#stop(worker);
  }

  #stop(worker: Worker): void {
    worker.stopped = true;
    this.#queue.delete(worker);
    worker.abort?.abort();
    worker.abort = undefined;
  }

  /** Its turn has come, or the time that it may take is over. */
  #due(worker: Worker): void {
    const { abort, probe, probed } = worker;
    if (abort !== undefined) {
      const outcome = worker.action!.timedOut;
      abort.abort();
      this.#ended(worker, abort, outcome);
      return;
    }
    const started = new AbortController();
    worker.abort = started;
    worker.action ??= this.#action(probe, probed);
    this.#queue.set(worker, this.#options.clock.now() + timeoutMs(probe));
    void worker.action.run(started.signal).then((outcome) => this.#ended(worker, started, outcome));
  }

  #action(probe: Probe, { spec, container, node }: ProbedContainer): ProbeAction {
    const { runtime, network } = this.#options;
    const podIp = runtime.podSandboxStatus(container.podSandboxId)?.ip ?? '';
    return probeAction(runtime, probe, { spec, container, podIp, stack: network.nodeStack(node) });
  }

  #ended(worker: Worker, abort: AbortController, outcome: ProbeOutcome): void {
    // The container is gone, or the probe had not ended in time.
    if (worker.abort !== abort) return;
    worker.abort = undefined;
    // It ended together with its container, and says nothing about it: the pod's worker sees that soon.
    if (worker.probed.container.state !== 'CONTAINER_RUNNING') return;
    this.#tell(worker, outcome);
    this.#total.inc({ probe_type: NAMES[worker.kind], result: COUNTED[outcome.result] });
    const before = worker.state.verdict;
    if (outcome.result !== 'errored') {
      const result: ProbeResult = outcome.result === 'failure' ? 'failure' : 'success';
      worker.state = afterResult(worker.state, result, worker.probe);
    }
    const { verdict } = worker.state;
    this.#scheduleNext(worker);
    if (verdict === before) return;
    const { workers, pod } = worker.probed;
    if (worker.kind === 'startup' && verdict === 'success') {
      for (const each of [workers.readiness, workers.liveness]) {
        if (each !== undefined && !each.stopped) this.#beginWorker(each);
      }
    }
    this.#options.onChange(pod.metadata.uid);
  }

  /** A container that must be restarted is not probed again for that, and one that has started not for its start. */
  #scheduleNext(worker: Worker): void {
    const { kind, state, probe } = worker;
    const isOver =
      kind === 'startup' ? state.verdict !== 'unknown' : kind === 'liveness' && state.verdict === 'failure';
    if (isOver) {
      this.#queue.delete(worker);
      return;
    }
    // Turns that it was too slow for are left out.
    const nowMs = this.#options.clock.now();
    const period = periodMs(probe);
    worker.turnMs += (Math.floor((nowMs - worker.turnMs) / period) + 1) * period;
    this.#queue.set(worker, worker.turnMs);
  }

  #tell({ kind, probed }: Worker, outcome: ProbeOutcome): void {
    if (outcome.result === 'success') return;
    const { pod, spec, node } = probed;
    const recorder = this.#options.events(node);
    const subject = containerSubject(pod, spec.name);
    if (outcome.result === 'warning') {
      recorder.warning(subject, 'ProbeWarning', `${NAMES[kind]} probe warning: ${outcome.text}`);
      return;
    }
    const how = outcome.result === 'failure' ? 'failed' : 'errored and resulted in unknown state';
    recorder.warning(subject, 'Unhealthy', `${NAMES[kind]} probe ${how}: ${outcome.text}`);
  }
}

/** The label of the counter, by upstream's names. */
const COUNTED: Readonly<Record<ProbeOutcome['result'], string>> = {
  success: 'successful',
  warning: 'successful',
  failure: 'failed',
  errored: 'unknown',
};

function periodMs({ periodSeconds = DEFAULT_PERIOD_SECONDS }: Probe): number {
  return periodSeconds * 1_000;
}

function timeoutMs({ timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }: Probe): number {
  return timeoutSeconds * 1_000;
}

function hasSucceeded(startup: Worker | undefined): boolean {
  return startup === undefined || startup.state.verdict === 'success';
}

/**
 * What an agent that is gone has last said of a container that runs on: a new agent does not make
 * it unready before it has looked. (Upstream's kubelet does, up to 1.34.)
 */
function reportedState(kind: ProbeKind, { pod, spec, container }: ProbedContainer): ProbeState {
  const initial = initialState(kind);
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const status = [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === spec.name);
  if (status?.containerID?.endsWith(`://${container.id}`) !== true) return initial;
  const good = kind === 'startup' ? status.started === true : kind === 'readiness' && status.ready;
  return good ? { ...initial, verdict: 'success' } : initial;
}
