/** Probes and lifecycle hooks of containers. */

import type {
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  Probe,
  ProbeHandler,
} from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import {
  checkNotNegative,
  checkOneOf,
  checkPortNumber,
  checkPortNumberOrName,
  checkSyntax,
} from './fields.ts';
import { httpHeaderProblems } from './names.ts';

type Handler = ProbeHandler & LifecycleHandler;

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

function checkHttpGet(action: HTTPGetAction, path: string, errors: FieldError[]): void {
  if ((action.path ?? '') === '') errors.push(field.required(`${path}.path`));
  checkPortNumberOrName(action.port, `${path}.port`, errors);
  checkOneOf(action.scheme, `${path}.scheme`, ['HTTP', 'HTTPS'], errors);
  for (const { name } of action.httpHeaders ?? [])
    checkSyntax(name, `${path}.httpHeaders`, httpHeaderProblems, errors);
}

/** A sleep must end within the grace of the pod. */
function checkSleep(
  seconds: number,
  graceSeconds: number | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return;
  errors.push(
    field.invalid(
      path,
      seconds,
      `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`,
    ),
  );
}

function checkOneHandler(
  handler: Handler,
  kind: (typeof HANDLERS)[number],
  graceSeconds: number | undefined,
  path: string,
  errors: FieldError[],
): void {
  switch (kind) {
    case 'exec':
      if ((handler.exec?.command ?? []).length === 0) errors.push(field.required(`${path}.command`));
      break;
    case 'httpGet':
      checkHttpGet(handler.httpGet!, path, errors);
      break;
    case 'tcpSocket':
      checkPortNumberOrName(handler.tcpSocket!.port, `${path}.port`, errors);
      break;
    case 'grpc':
      checkPortNumber(handler.grpc!.port ?? 0, `${path}.port`, errors);
      break;
    case 'sleep':
      checkSleep(handler.sleep!.seconds ?? 0, graceSeconds, path, errors);
      break;
  }
}

/** Exactly one handler. */
function checkHandler(
  handler: Handler,
  graceSeconds: number | undefined,
  path: string,
  errors: FieldError[],
): void {
  let count = 0;
  for (const kind of HANDLERS) {
    if (handler[kind] === undefined) continue;
    count += 1;
    if (count > 1)
      errors.push(field.forbidden(`${path}.${kind}`, 'may not specify more than 1 handler type'));
    else checkOneHandler(handler, kind, graceSeconds, `${path}.${kind}`, errors);
  }
  if (count === 0) errors.push(field.required(path, 'must specify a handler type'));
}

const PROBE_NUMBERS = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

function checkProbe(probe: Probe, path: string, errors: FieldError[]): void {
  checkHandler(probe, undefined, path, errors);
  for (const key of PROBE_NUMBERS) checkNotNegative(probe[key], `${path}.${key}`, errors);
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    errors.push(field.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  }
}

/** The three probes of a container. Only readiness may ask for several successes, or has no grace of its own. */
export function checkProbes(
  container: { livenessProbe?: Probe; readinessProbe?: Probe; startupProbe?: Probe },
  path: string,
  errors: FieldError[],
): void {
  for (const kind of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[kind];
    if (probe === undefined) continue;
    const at = `${path}.${kind}`;
    checkProbe(probe, at, errors);
    if (kind !== 'readinessProbe' && probe.successThreshold !== 1) {
      errors.push(field.invalid(`${at}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'));
    }
    if (kind === 'readinessProbe' && probe.terminationGracePeriodSeconds !== undefined) {
      errors.push(
        field.invalid(
          `${at}.terminationGracePeriodSeconds`,
          probe.terminationGracePeriodSeconds,
          'must not be set for readinessProbes',
        ),
      );
    }
  }
}

export function checkLifecycle(
  lifecycle: Lifecycle | undefined,
  graceSeconds: number | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (lifecycle?.postStart !== undefined) {
    checkHandler(lifecycle.postStart, graceSeconds, `${path}.postStart`, errors);
  }
  if (lifecycle?.preStop !== undefined)
    checkHandler(lifecycle.preStop, graceSeconds, `${path}.preStop`, errors);
}
