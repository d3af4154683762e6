/** Warnings about the containers of valid pods (pkg/api/pod/warnings.go). */

import type { Container, ContainerPort, EnvVar } from '@orrery/api/gen/types.ts';
import { milliValue } from '@orrery/api/quantity.ts';

/** Bytes come whole. */
export function warnAboutFractions(
  amounts: Readonly<Record<string, string>> | undefined,
  path: string,
  warnings: string[],
  resources: readonly string[] = ['memory', 'ephemeral-storage'],
): void {
  for (const name of resources) {
    const quantity = amounts?.[name];
    if (quantity === undefined || milliValue(quantity) % 1000 === 0) continue;
    warnings.push(
      `${path}[${name}]: fractional byte value ${JSON.stringify(quantity)} is invalid, must be an integer`,
    );
  }
}

export function containerWarnings({ env = [], resources }: Container, path: string): string[] {
  const warnings: string[] = [];
  for (const name of ['memory', 'ephemeral-storage']) {
    warnAboutFractions(resources?.limits, `${path}.resources.limits`, warnings, [name]);
    warnAboutFractions(resources?.requests, `${path}.resources.requests`, warnings, [name]);
  }
  const names = new Set<string>();
  for (const [index, variable] of env.entries()) {
    const { name } = variable;
    if (names.has(name) && !buildsOnEarlier(variable)) {
      warnings.push(
        `${path}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
      );
    }
    names.add(name);
  }
  return warnings;
}

/** `X=$(X)more` after `X=some` is meant so. */
function buildsOnEarlier({ name, value = '', valueFrom }: EnvVar): boolean {
  const reference = `$(${name})`;
  return valueFrom === undefined && value !== reference && value.includes(reference);
}

/** More ports and warnings than this are not looked at: an answer has room for fewer (rest/respond.ts). */
const MOST_PORT_WARNINGS = 64;

/** Ports of all containers together: they share one network. */
export function portWarnings(containers: readonly (readonly [Container, string])[]): string[] {
  const warnings: string[] = [];
  const seen = new Map<string, [port: ContainerPort, path: string][]>();
  for (const [{ ports = [] }, path] of containers) {
    for (const [index, port] of ports.entries()) {
      const at = `${path}.ports[${index}]`;
      if ((port.hostIP ?? '') !== '' && (port.hostPort ?? 0) === 0) {
        warnings.push(`${at}: hostIP set without hostPort: ${goText(port)}`);
      }
      const key = `${port.containerPort}/${port.protocol}`;
      const others = seen.get(key) ?? [];
      seen.set(key, others);
      for (const [other, where] of others) {
        const conflict = conflictOf(port, other);
        if (conflict !== undefined) warnings.push(`${at}: ${conflict} port definition with ${where}`);
      }
      if (others.length < MOST_PORT_WARNINGS) others.push([port, at]);
      if (warnings.length >= MOST_PORT_WARNINGS) return warnings;
    }
  }
  return warnings;
}

function conflictOf(port: ContainerPort, other: ContainerPort): string | undefined {
  const [ip, otherIp] = [port.hostIP ?? '', other.hostIP ?? ''];
  const [number, otherNumber] = [port.hostPort ?? 0, other.hostPort ?? 0];
  if (ip === otherIp && number === otherNumber) return 'duplicate';
  if (number === 0 || otherNumber === 0) return 'overlapping';
  const oneIsOpen = (ip === '') !== (otherIp === '');
  return number === otherNumber && oneIsOpen ? 'dangerously ambiguous' : undefined;
}

/** The port as Go prints a struct with `%+v`. */
function goText({
  name = '',
  hostPort = 0,
  containerPort,
  protocol = '',
  hostIP = '',
}: ContainerPort): string {
  return `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
}
