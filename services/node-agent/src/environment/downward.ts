/** What a pod is told of itself (the downward API: pkg/fieldpath, pkg/api/v1/resource). Pure. */

import type { Container as ContainerSpec, Pod, ResourceFieldSelector } from '@orrery/api/gen/types.ts';
import { milliValue, wholeValue } from '@orrery/api/quantity.ts';

/** What is known of a pod beside its object. */
export interface PodAddresses {
  podIp: string;
  hostIp: string;
}

/** `key="value"` lines, sorted (fieldpath.FormatMap). */
function formatMap(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .toSorted()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

const SUBSCRIPT = /^metadata\.(annotations|labels)\['(.*)'\]$/s;

/**
 * The value of a field, empty when it has none. @throws Error for a field that is not served, in
 * upstream's words; validated pods never cause it
 */
export function fieldValue(pod: Pod, fieldPath: string, { podIp, hostIp }: PodAddresses): string {
  const { metadata, spec } = pod;
  const subscript = SUBSCRIPT.exec(fieldPath);
  if (subscript !== null) {
    const map = subscript[1] === 'labels' ? metadata.labels : metadata.annotations;
    return map?.[subscript[2] ?? ''] ?? '';
  }
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
    case 'status.hostIPs':
      return hostIp;
    case 'status.podIP':
    case 'status.podIPs':
      return podIp;
    default:
      throw new Error(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** The resources of a node that limits fall back to. */
export type Allocatable = Readonly<Record<string, string>>;

/**
 * A request or limit of a container in units of the divisor, rounded up. A limit that is not set
 * is the node's (defaultPodLimitsForDownwardAPI). @throws Error in upstream's words
 */
export function resourceValue(
  pod: Pod,
  own: ContainerSpec | undefined,
  { containerName, resource, divisor }: ResourceFieldSelector,
  allocatable: Allocatable,
): string {
  const container =
    containerName === undefined || containerName === '' ? own : containerOf(pod, containerName);
  if (container === undefined) throw new Error(`container ${containerName ?? ''} not found`);
  const [, kind, name = ''] = /^(limits|requests)\.(.+)$/.exec(resource) ?? [];
  if (kind === undefined) throw new Error(`unsupported container resource : ${resource}`);
  const { limits, requests } = container.resources ?? {};
  const quantity = kind === 'requests' ? requests?.[name] : (limits?.[name] ?? allocatable[name]);
  return String(inUnits(quantity ?? '0', divisor, name === 'cpu' ? milliValue : wholeValue));
}

function inUnits(quantity: string, divisor: string | undefined, valueOf: (text: string) => number): number {
  const unit = divisor === undefined ? 0 : valueOf(divisor);
  return Math.ceil(valueOf(quantity) / (unit === 0 ? valueOf('1') : unit));
}

function containerOf({ spec }: Pod, wanted: string): ContainerSpec | undefined {
  const isWanted = ({ name }: ContainerSpec): boolean => name === wanted;
  return spec.containers.find(isWanted) ?? spec.initContainers?.find(isWanted);
}
