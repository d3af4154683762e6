/** Gives Services their addresses and ports, and takes them back (registry/core/service/storage/alloc.go). */

import type { Service } from '@orrery/api/gen/types.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { type FieldError, field, invalid } from '@orrery/api/status-error.ts';
import { KUBERNETES_SERVICE_IP } from './allocation.ts';
import type { RegistryContext } from './definition.ts';
import { HEADLESS, needsClusterIp, needsHealthCheckPort, needsNodePorts } from './service-fields.ts';

const KUBERNETES_SERVICE = 'default/kubernetes';

type Undo = () => Promise<void>;

/**
 * Fills in what is missing and takes what is asked for, but not what `stored` has already.
 * All or nothing: when one thing cannot be had the others are given back.
 * Throws StatusError when an address or port is taken or out of range.
 */
export async function allocateForService(
  service: Service,
  stored: Service | undefined,
  context: RegistryContext,
): Promise<void> {
  const undo: Undo[] = [];
  try {
    if (needsClusterIp(service)) await allocateClusterIp(service, stored, context, undo);
    if (needsNodePorts(service)) await allocateNodePorts(service, stored, context, undo);
    if (needsHealthCheckPort(service)) await allocateHealthCheckPort(service, stored, context, undo);
  } catch (error) {
    for (const each of undo) await each();
    throw error;
  }
  // A dry run shows what would be given and holds none of it.
  if (context.dryRun) for (const each of undo) await each();
}

async function allocateClusterIp(
  service: Service,
  stored: Service | undefined,
  context: RegistryContext,
  undo: Undo[],
): Promise<void> {
  const { metadata, spec } = service;
  settleFamilies(service);
  const wanted = spec.clusterIP || undefined;
  if (wanted === HEADLESS || (wanted !== undefined && wanted === stored?.spec.clusterIP)) return;
  if (wanted === KUBERNETES_SERVICE_IP && keyOf(service) !== KUBERNETES_SERVICE) {
    const why = `failed to allocate IP ${wanted}: provided IP is already allocated`;
    throw invalid({ group: '', kind: 'Service', name: metadata.name }, [
      field.invalid('spec.clusterIPs', spec.clusterIPs, why),
    ]);
  }
  const ip = await context.allocateClusterIp(metadata.uid, wanted, metadata.name);
  undo.push(() => context.releaseClusterIp(ip, metadata.uid));
  spec.clusterIP = ip;
  spec.clusterIPs = [ip];
}

const FAMILY = 'IPv4';

/**
 * The cluster has addresses of one family. What nobody selects pods for and has no address may name any family.
 * Throws StatusError 422 for a family that the cluster does not have.
 */
function settleFamilies({ metadata, spec }: Service): void {
  spec.ipFamilyPolicy ??= 'SingleStack';
  if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = [FAMILY];
  const families = spec.ipFamilies ?? [];
  const isFree = spec.clusterIP === HEADLESS && Object.keys(spec.selector ?? {}).length === 0;
  if (isFree) {
    const other = families[0] === FAMILY ? 'IPv6' : FAMILY;
    if (spec.ipFamilyPolicy !== 'SingleStack' && families.length === 1)
      spec.ipFamilies = [...families, other];
    return;
  }
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === 'RequireDualStack') {
    const why = 'this cluster is not configured for dual-stack services';
    errors.push(field.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why));
  }
  for (const [index, family] of families.entries()) {
    if (family === FAMILY) continue;
    errors.push(field.invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  }
  if (errors.length > 0) throw invalid({ group: '', kind: 'Service', name: metadata.name }, errors);
}

/** Ports that differ only in protocol may share a node port. */
async function allocateNodePorts(
  { metadata, spec }: Service,
  stored: Service | undefined,
  context: RegistryContext,
  undo: Undo[],
): Promise<void> {
  const held = new Set(portsOf(stored));
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const wanted = port.nodePort || undefined;
    if (wanted !== undefined && held.has(wanted)) continue;
    const path = `spec.ports[${index}].nodePort`;
    const nodePort = await context.allocateNodePort(metadata.uid, wanted, path, metadata.name);
    undo.push(() => context.releaseNodePort(nodePort, metadata.uid));
    held.add(nodePort);
    port.nodePort = nodePort;
  }
}

async function allocateHealthCheckPort(
  { metadata, spec }: Service,
  stored: Service | undefined,
  context: RegistryContext,
  undo: Undo[],
): Promise<void> {
  const wanted = spec.healthCheckNodePort || undefined;
  if (wanted !== undefined && portsOf(stored).includes(wanted)) return;
  const path = 'spec.healthCheckNodePort';
  const nodePort = await context.allocateNodePort(metadata.uid, wanted, path, metadata.name);
  undo.push(() => context.releaseNodePort(nodePort, metadata.uid));
  spec.healthCheckNodePort = nodePort;
}

/** The node ports that a Service holds. */
export function portsOf(service: Service | undefined): number[] {
  const { ports = [], healthCheckNodePort = 0 } = service?.spec ?? {};
  const held = ports.map((each) => each.nodePort ?? 0);
  return [...held, healthCheckNodePort].filter((each) => each !== 0);
}

/** Gives back what the Service holds; what another one holds by now is left alone. */
export async function releaseForService(service: Service, context: RegistryContext): Promise<void> {
  const { metadata, spec } = service;
  const ip = spec.clusterIP ?? '';
  if (ip !== '' && ip !== HEADLESS) await context.releaseClusterIp(ip, metadata.uid);
  for (const nodePort of portsOf(service)) await context.releaseNodePort(nodePort, metadata.uid);
}
