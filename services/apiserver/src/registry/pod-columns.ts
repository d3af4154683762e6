/** What `kubectl get pods` shows (pkg/printers/internalversion, printPod). */

import type { ContainerStateTerminated, ContainerStatus, Pod } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { ageColumn, column, nameColumn, wideColumn } from './columns.ts';
import { isSidecar } from './containers.ts';
import type { Column } from './definition.ts';
import { humanDuration } from './human-duration.ts';

/** The state of a pod in three cells. */
interface PodSummary {
  ready: string;
  status: string;
  restarts: number;
  /** Epoch ms of the last restart; undefined when there was none. */
  lastRestartMs: number | undefined;
}

/** Restarts of some containers, and when the last was. */
class Restarts {
  count = 0;
  lastMs: number | undefined;

  add({ restartCount, lastState }: ContainerStatus): void {
    this.count += restartCount ?? 0;
    const finishedAt = lastState?.terminated?.finishedAt;
    if (finishedAt === undefined) return;
    const ms = parseTime(finishedAt);
    if (this.lastMs === undefined || ms > this.lastMs) this.lastMs = ms;
  }
}

function exitText({ reason = '', signal = 0, exitCode }: ContainerStateTerminated): string {
  if (reason !== '') return reason;
  return signal !== 0 ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function hasCondition({ status }: Pod, type: string): boolean {
  return status?.conditions?.some((each) => each.type === type && each.status === 'True') === true;
}

interface InitSummary {
  /** What the first unfinished init container is at; undefined when all are done. */
  status: string | undefined;
  readySidecars: number;
  all: Restarts;
  sidecars: Restarts;
}

function summarizeInit({ spec, status }: Pod): InitSummary {
  const all = new Restarts();
  const sidecars = new Restarts();
  const initContainers = spec.initContainers ?? [];
  let readySidecars = 0;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    const sidecar = isSidecar(initContainers.find((each) => each.name === container.name));
    all.add(container);
    if (sidecar) sidecars.add(container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecar && container.started === true) {
      if (container.ready) readySidecars += 1;
      continue;
    }
    let text = `Init:${index}/${initContainers.length}`;
    const waitingFor = waiting?.reason ?? '';
    if (terminated !== undefined) text = `Init:${exitText(terminated)}`;
    else if (waitingFor !== '' && waitingFor !== 'PodInitializing') text = `Init:${waitingFor}`;
    return { status: text, readySidecars, all, sidecars };
  }
  return { status: undefined, readySidecars, all, sidecars };
}

/** The status of the last container that has something to say, and how many are ready. */
function summarizeContainers(
  pod: Pod,
  before: string,
  restarts: Restarts,
): { status: string; ready: number } {
  const statuses = pod.status?.containerStatuses ?? [];
  let status = before;
  let ready = 0;
  let running = false;
  for (let index = statuses.length - 1; index >= 0; index -= 1) {
    const container = statuses[index]!;
    restarts.add(container);
    const { waiting, terminated, running: isRunning } = container.state ?? {};
    if ((waiting?.reason ?? '') !== '') status = waiting!.reason!;
    else if (terminated !== undefined) status = exitText(terminated);
    else if (container.ready && isRunning !== undefined) {
      running = true;
      ready += 1;
    }
  }
  if (status === 'Completed' && running) status = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
  return { status, ready };
}

function overallStatus({ status }: Pod): string {
  const gated = status?.conditions?.some(
    (each) => each.type === 'PodScheduled' && each.reason === 'SchedulingGated',
  );
  if (gated === true) return 'SchedulingGated';
  return status?.reason || (status?.phase ?? '');
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Ready, Status and Restarts of a pod. */
function summarizePod(pod: Pod): PodSummary {
  const init = summarizeInit(pod);
  let status = init.status ?? overallStatus(pod);
  let restarts = init.all;
  let ready = init.readySidecars;
  if (init.status === undefined || hasCondition(pod, 'Initialized')) {
    restarts = init.sidecars;
    const containers = summarizeContainers(pod, status, restarts);
    status = containers.status;
    ready += containers.ready;
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (pod.status?.reason === 'NodeLost') status = 'Unknown';
    else if (!isFinished(pod)) status = 'Terminating';
  }
  const total = pod.spec.containers.length + (pod.spec.initContainers ?? []).filter(isSidecar).length;
  return { ready: `${ready}/${total}`, status, restarts: restarts.count, lastRestartMs: restarts.lastMs };
}

function restartsCell(pod: Pod, nowMs: number): string {
  const { restarts, lastRestartMs } = summarizePod(pod);
  if (restarts === 0 || lastRestartMs === undefined) return String(restarts);
  return `${restarts} (${humanDuration(nowMs - lastRestartMs)} ago)`;
}

function readinessGatesCell(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  return `${gates.filter((each) => hasCondition(pod, each.conditionType)).length}/${gates.length}`;
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column('Ready', (pod) => summarizePod(pod).ready),
  column('Status', (pod) => summarizePod(pod).status),
  column('Restarts', restartsCell),
  ageColumn,
  wideColumn('IP', ({ status }) => status?.podIPs?.[0]?.ip || status?.podIP || '<none>'),
  wideColumn('Node', ({ spec }) => spec.nodeName || '<none>'),
  wideColumn('Nominated Node', ({ status }) => status?.nominatedNodeName || '<none>'),
  wideColumn('Readiness Gates', readinessGatesCell),
];

/** Finished pods are marked, so that clients can leave them out. */
export function podRowConditions(
  pod: Pod,
): { type: string; status: string; reason: string; message: string }[] {
  if (!isFinished(pod)) return [];
  const succeeded = pod.status?.phase === 'Succeeded';
  return [
    {
      type: 'Completed',
      status: 'True',
      reason: succeeded ? 'Succeeded' : 'Failed',
      message: succeeded ? 'The pod has completed successfully.' : 'The pod failed.',
    },
  ];
}
