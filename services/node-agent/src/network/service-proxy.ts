/**
 * Which endpoint a connection to a Service goes to (pkg/proxy/topology.go, pkg/proxy/nftables).
 * Everybody in a simulated network is inside the cluster, and such traffic follows the cluster
 * policy whatever externalTrafficPolicy says.
 */

import type { Endpoint, EndpointHints, EndpointSlice, Service, ServicePort } from '@orrery/api/gen/types.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { random } from '@orrery/kit/random.ts';
import { isInRange } from './address.ts';
import type { ServiceView } from './cluster-view.ts';
import type { Protocol } from './port-table.ts';

export interface Destination {
  readonly ip: string;
  readonly port: number;
}

/** Nobody is there: refused at once. Packets are lost: only time tells. */
export type Choice = Destination | 'refused' | 'dropped';

export interface Caller extends Place {
  readonly ip: string;
}

/** Where somebody is. */
export interface Place {
  readonly node: string;
  readonly zone?: string | undefined;
}

/** How many clients are remembered for session affinity, in all; the longest unheard of are forgotten first. */
const MAX_AFFINITIES = 10_000;
/** The default of spec.sessionAffinityConfig.clientIP.timeoutSeconds. */
const AFFINITY_SECONDS = 10_800;

interface CandidateEndpoint extends Destination {
  readonly node: string | undefined;
  readonly hints: EndpointHints | undefined;
}

/**
 * Those that are meant for callers on that node, or else in that zone: all of them where some have no such hint, or none
 * has one for there (topologyModeFromHints).
 */
function hintedFor(all: readonly CandidateEndpoint[], { node, zone }: Place): CandidateEndpoint[] {
  for (const [kind, name] of [
    ['forNodes', node],
    ['forZones', zone],
  ] as const) {
    if (!all.every(({ hints }) => (hints?.[kind] ?? []).length > 0)) continue;
    const near = all.filter(({ hints }) => hints?.[kind]?.some((each) => each.name === name));
    if (near.length > 0) return near;
  }
  return [...all];
}

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready !== false;
const servesToTheEnd = ({ conditions }: Endpoint): boolean =>
  conditions?.serving !== false && conditions?.terminating === true;

function endpointsOf(
  slices: readonly EndpointSlice[],
  { name = '', protocol = 'TCP' }: ServicePort,
  isWanted: (endpoint: Endpoint) => boolean,
): CandidateEndpoint[] {
  const found = new Map<string, CandidateEndpoint>();
  for (const { ports, endpoints } of slices) {
    const port = ports?.find((each) => (each.name ?? '') === name && (each.protocol ?? 'TCP') === protocol);
    if (port?.port === undefined) continue;
    for (const endpoint of endpoints ?? []) {
      const ip = endpoint.addresses[0];
      if (ip === undefined || !isWanted(endpoint)) continue;
      const { nodeName: node, hints } = endpoint;
      found.set(`${ip}:${port.port}`, { ip, port: port.port, node, hints });
    }
  }
  return [...found.values()];
}

/**
 * The endpoints that may answer: the ready ones, or, when there are none, those that still serve
 * while they terminate (CategorizeEndpoints). Pure.
 */
export function candidates(
  { spec }: Service,
  slices: readonly EndpointSlice[],
  port: ServicePort,
  place: Place,
): CandidateEndpoint[] | 'refused' | 'dropped' {
  const isLocal = spec.internalTrafficPolicy === 'Local';
  let isAnyElsewhere = false;
  for (const isWanted of [isReady, servesToTheEnd]) {
    const all = endpointsOf(slices, port, isWanted);
    const near = isLocal
      ? all.filter((each) => each.node === place.node)
      : isWanted === isReady
        ? hintedFor(all, place)
        : all;
    if (near.length > 0) return near;
    isAnyElsewhere ||= all.length > 0;
  }
  return isAnyElsewhere ? 'dropped' : 'refused';
}

interface Affinity extends Destination {
  readonly untilMs: number;
}

export class ServiceProxy {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** By service, port and client; the one used last comes last. */
  readonly #affinities = new Map<string, Affinity>();

  constructor(clock: Clock, chance: () => number = random) {
    this.#clock = clock;
    this.#random = chance;
  }

  /** For an address of a Service: undefined when the address is of none. */
  byAddress(view: ServiceView, caller: Caller, ip: string, port: number): Choice | undefined {
    const services = view.servicesAt(ip);
    if (services.length === 0) return undefined;
    for (const service of services) {
      const found = portOf(service, 'TCP', (each) => each.port === port);
      if (found === undefined) continue;
      return isFencedOff(service, caller, ip) ? 'dropped' : this.#choose(view, caller, service, found);
    }
    return 'refused';
  }

  /** For a port of a node: undefined when no Service has it. */
  byNodePort(view: ServiceView, caller: Caller, port: number): Choice | undefined {
    for (const service of view.servicesOnNodePort(port)) {
      const found = portOf(service, 'TCP', (each) => each.nodePort === port);
      if (found !== undefined) return this.#choose(view, caller, service, found);
    }
    return undefined;
  }

  #choose(view: ServiceView, caller: Caller, service: Service, port: ServicePort): Choice {
    const all = candidates(service, view.slicesOf(service), port, caller);
    if (typeof all === 'string') return all;
    if (service.spec.sessionAffinity !== 'ClientIP') return this.#any(all);
    return this.#stay(`${service.metadata.uid}/${port.name ?? ''}/${caller.ip}`, service, all);
  }

  #any(all: readonly CandidateEndpoint[]): Destination {
    return all[Math.floor(this.#random() * all.length)]!;
  }

  /** The endpoint of the last time, while it is there and the client comes often enough. */
  #stay(key: string, { spec }: Service, all: readonly CandidateEndpoint[]): Destination {
    const before = this.#affinities.get(key);
    const nowMs = this.#clock.now();
    const same =
      before !== undefined && before.untilMs > nowMs
        ? all.find(({ ip, port }) => ip === before.ip && port === before.port)
        : undefined;
    const { ip, port } = same ?? this.#any(all);
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS;
    this.#affinities.delete(key);
    this.#affinities.set(key, { ip, port, untilMs: nowMs + seconds * 1_000 });
    if (this.#affinities.size > MAX_AFFINITIES) {
      const [longest] = this.#affinities.keys();
      this.#affinities.delete(longest!);
    }
    return { ip, port };
  }
}

/** Load balancers may be for some sources only; what others send is lost. */
function isFencedOff({ spec, status }: Service, caller: Caller, ip: string): boolean {
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length === 0 || status?.loadBalancer?.ingress?.some((each) => each.ip === ip) !== true)
    return false;
  return !ranges.some((range) => isInRange(caller.ip, range));
}

function portOf(
  { spec }: Service,
  wanted: Protocol,
  isWanted: (port: ServicePort) => boolean,
): ServicePort | undefined {
  return spec.ports?.find((each) => (each.protocol ?? 'TCP') === wanted && isWanted(each));
}
