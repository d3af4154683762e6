/** From a request about a pod to the agent that runs it (pkg/registry/core/pod/strategy.go, streamLocation). */

import type { Node, Pod } from '@orrery/api/gen/types.ts';
import { badRequest, StatusError } from '@orrery/api/status-error.ts';
import { nodesDefinition } from '../../registry/node.ts';
import { podsDefinition } from '../../registry/pod.ts';
import { decodeObject } from '../../verbs/encoding.ts';
import type { Edge } from '../edge.ts';
import type { Target } from '../router.ts';
import type { NodeAgent } from './node-agents.ts';

/** Where the agent of a node listens: HOST:PORT. */
const ADDRESS_ANNOTATION = 'orrery.dev/node-agent-address';

/** The kubelet's port, which errors name. */
const KUBELET_PORT = 10250;

/** The pod's node. */
export interface PodHost {
  readonly agent: NodeAgent;
  /** Host and port of the kubelet, as users see them. */
  readonly kubelet: string;
}

/** @throws StatusError 404 */
export async function readPod({ api }: Edge, { namespace, name }: Target): Promise<Pod> {
  return decodeObject(await api.get(podsDefinition, namespace, name)) as Pod;
}

/** The container that is meant. @throws StatusError 400 when it is not clear or not there. */
export function chooseContainer({ metadata, spec }: Pod, wanted: string | undefined): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec;
  const names = [...initContainers, ...containers, ...ephemeralContainers].map(({ name }) => name);
  if (wanted !== undefined) {
    if (names.includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${metadata.name}`);
  }
  if (containers.length === 1) return containers[0]!.name;
  throw badRequest(
    `a container name must be specified for pod ${metadata.name}, choose one of: [${names.join(' ')}]`,
  );
}

/** The node of a pod that has one. @throws StatusError 404 when it is gone, 500 when nobody speaks for it. */
export async function hostOf({ api, agents }: Edge, nodeName: string): Promise<PodHost> {
  const node = decodeObject(await api.get(nodesDefinition, '', nodeName)) as Node;
  const addresses = node.status?.addresses ?? [];
  const host = addresses.find(({ type }) => type === 'InternalIP')?.address ?? nodeName;
  const kubelet = `${host}:${node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? KUBELET_PORT}`;
  const address = node.metadata.annotations?.[ADDRESS_ANNOTATION];
  if (address === undefined) throw dialError(`error dialing backend: ${refused(kubelet)}`);
  return { agent: agents.at(address), kubelet };
}

/** The node of a pod. @throws StatusError 400 when it has none yet. */
export async function podHost(edge: Edge, { metadata, spec }: Pod): Promise<PodHost> {
  if ((spec.nodeName ?? '') === '') throw badRequest(`pod ${metadata.name} does not have a host assigned`);
  return hostOf(edge, spec.nodeName!);
}

/** Go's words for a port that nobody listens on. */
export function refused(kubelet: string): string {
  return `dial tcp ${kubelet}: connect: connection refused`;
}

/** An error that upstream's apiserver does not classify. */
export function dialError(message: string): StatusError {
  return new StatusError(500, '', message);
}
