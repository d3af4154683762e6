/** metrics.k8s.io: what nodes and pods use, as `kubectl top` asks for it (metrics-server, pkg/api). */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { formatTime, splitKey } from '@orrery/api/meta.ts';
import { notFound } from '@orrery/api/status-error.ts';
import type { ContainerUsage } from '@orrery/proto/orrery/events.ts';
import { decodeObject } from '../../verbs/encoding.ts';
import type { MeasuredResource } from '../catalog.ts';
import type { Edge } from '../edge.ts';
import type { Exchange } from '../exchange.ts';
import { listOptions } from '../list-options.ts';
import { plainForms } from '../negotiation.ts';
import { sendJson } from '../respond.ts';
import type { Target } from '../router.ts';
import type { NodeUsage } from './usage-book.ts';

const API_VERSION = 'metrics.k8s.io/v1beta1';

/** What is measured of one object: a whole node, or the containers of a pod. */
type Measures = (object: KubeObject) => object | undefined;

/** `target` is the node or pod, or the list of them, whose metrics are asked for. @throws StatusError */
export async function serveMetrics(
  edge: Edge,
  exchange: Exchange,
  { kind, plural }: MeasuredResource,
  target: Target,
): Promise<void> {
  const { encoding } = plainForms.negotiate(exchange.request.headers.accept);
  const usage = edge.usage.read(edge.clock.now());
  const measures = plural === 'nodes' ? nodeMeasures(usage) : podMeasures(usage);
  const metricsOf = (object: KubeObject): object[] => {
    const measured = measures(object);
    return measured === undefined ? [] : [{ metadata: metadataOf(object, edge), ...measured }];
  };
  const { definition } = target.served;
  if (target.name === '') {
    const { items } = await edge.api.list(definition, listOptions(edge.api, target, exchange.query));
    const list = {
      kind: `${kind}List`,
      apiVersion: API_VERSION,
      metadata: {},
      items: items.flatMap((item) => metricsOf(decodeObject(item))),
    };
    await sendJson(exchange, 200, encoding, JSON.stringify(list));
    return;
  }
  const found = await edge.api.get(definition, target.namespace, target.name);
  const [metrics] = metricsOf(decodeObject(found));
  if (metrics === undefined) throw withoutMetrics(kind, found.key);
  await sendJson(exchange, 200, encoding, JSON.stringify({ kind, apiVersion: API_VERSION, ...metrics }));
}

function withoutMetrics(kind: string, key: string): Error {
  const { namespace, name } = splitKey(key);
  const ref = { group: 'metrics.k8s.io', kind, resource: kind.toLowerCase() };
  return notFound(ref, namespace === '' ? name : `${namespace}/${name}`);
}

function metadataOf({ metadata: { name, namespace, labels } }: KubeObject, { clock }: Edge): object {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    creationTimestamp: formatTime(clock.now()),
    ...(labels === undefined ? {} : { labels }),
  };
}

function timesOf({ atMs, windowMs }: NodeUsage): { timestamp: string; window: string } {
  return { timestamp: formatTime(atMs), window: `${windowMs / 1_000}s` };
}

function quantities(cpuMilli: number, memoryBytes: number): { cpu: string; memory: string } {
  return { cpu: `${cpuMilli}m`, memory: `${Math.round(memoryBytes / 1_024)}Ki` };
}

/** A simulated node uses what its containers use: nothing else runs on it. */
function nodeMeasures(usage: ReadonlyMap<string, NodeUsage>): Measures {
  return ({ metadata: { name } }) => {
    const node = usage.get(name);
    if (node === undefined) return undefined;
    const sum = { cpuMilli: 0, memoryBytes: 0 };
    for (const { cpuMilli, memoryBytes } of node.containers) {
      sum.cpuMilli += cpuMilli;
      sum.memoryBytes += memoryBytes;
    }
    return { ...timesOf(node), usage: quantities(sum.cpuMilli, sum.memoryBytes) };
  };
}

function podMeasures(usage: ReadonlyMap<string, NodeUsage>): Measures {
  const pods = new Map<string, { node: NodeUsage; containers: ContainerUsage[] }>();
  for (const node of usage.values()) {
    for (const each of node.containers) {
      const known = pods.get(each.podUid);
      if (known === undefined) pods.set(each.podUid, { node, containers: [each] });
      else known.containers.push(each);
    }
  }
  return ({ metadata: { uid } }) => {
    const pod = pods.get(uid ?? '');
    if (pod === undefined) return undefined;
    const containers = pod.containers.map(({ container, cpuMilli, memoryBytes }) => ({
      name: container,
      usage: quantities(cpuMilli, memoryBytes),
    }));
    return { ...timesOf(pod.node), containers };
  };
}
