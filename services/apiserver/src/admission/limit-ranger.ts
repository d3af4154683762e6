/** LimitRanges: give containers defaults, and refuse pods and claims that ask for too much or too little (plugin/pkg/admission/limitranger). */

import type {
  Container,
  KubeObject,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  Quantity,
} from '@orrery/api/gen/types.ts';
import { type Amounts, podAmounts, podLimits } from '@orrery/api/pod-requests.ts';
import { compareQuantities, fromBytes, fromMilli, isQuantity, milliValue } from '@orrery/api/quantity.ts';
import { LimitRanges, PersistentVolumeClaims, Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { forbidden, qualifiedResource } from '@orrery/api/status-error.ts';
import type { AdmissionReader } from './cached-reader.ts';

const RANGES = qualifiedResource(LimitRanges);

/** Where a pod says what was filled in. */
const ANNOTATION = 'kubernetes.io/limit-ranger';

type Quantities = Readonly<Record<string, Quantity>>;

async function rangesOf(reader: AdmissionReader, { metadata }: KubeObject): Promise<LimitRange[]> {
  return (await reader.list(RANGES, metadata.namespace)) as LimitRange[];
}

/** Fills in what containers leave open. */
export async function setPodLimits(reader: AdmissionReader, pod: Pod): Promise<void> {
  for (const { spec } of await rangesOf(reader, pod)) {
    const items = (spec?.limits ?? []).filter(({ type }) => type === 'Container');
    const limits: Quantities = Object.assign({}, ...items.map((item) => item.default));
    const requests: Quantities = Object.assign({}, ...items.map((item) => item.defaultRequest));
    const set = [
      ...pod.spec.containers.flatMap((each) => setDefaults(each, 'container', limits, requests)),
      ...(pod.spec.initContainers ?? []).flatMap((each) =>
        setDefaults(each, 'init container', limits, requests),
      ),
    ];
    if (set.length === 0) continue;
    const told = `LimitRanger plugin set: ${set.join('; ')}`;
    pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: told };
  }
}

/** Says what it has set. */
function setDefaults(container: Container, what: string, limits: Quantities, requests: Quantities): string[] {
  const told: string[] = [];
  const fill = (kind: 'requests' | 'limits', defaults: Quantities): void => {
    const own = container.resources?.[kind];
    const missing = Object.keys(defaults)
      .filter((name) => own?.[name] === undefined)
      .sort();
    if (missing.length === 0) return;
    container.resources = {
      ...container.resources,
      [kind]: { ...own, ...Object.fromEntries(missing.map((name) => [name, defaults[name]!])) },
    };
    told.push(`${missing.join(', ')} ${kind.slice(0, -1)} for ${what} ${container.name}`);
  };
  fill('requests', requests);
  fill('limits', limits);
  return told;
}

/** @throws StatusError 403 that names everything that is out of range; what is no quantity is left to validation */
export async function admitPodLimits(reader: AdmissionReader, pod: Pod): Promise<void> {
  const problems = (await rangesOf(reader, pod)).flatMap(({ spec }) =>
    (spec?.limits ?? []).flatMap((item) => podProblems(pod, item)),
  );
  refuse(Pods, pod, problems);
}

/** @throws StatusError 403 */
export async function admitClaimLimits(reader: AdmissionReader, claim: PersistentVolumeClaim): Promise<void> {
  const requests = claim.spec.resources?.requests ?? {};
  const problems = (await rangesOf(reader, claim)).flatMap(({ spec }) =>
    (spec?.limits ?? [])
      .filter(({ type }) => type === PersistentVolumeClaims.kind)
      .flatMap((item) => [...tooLittle(item, requests, {}), ...tooMuch(item, 'request', requests, requests)]),
  );
  refuse(PersistentVolumeClaims, claim, problems);
}

function refuse(resource: ResourceRef, { metadata }: KubeObject, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const text = problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`;
  throw forbidden(resource, metadata.name, text);
}

function podProblems(pod: Pod, item: LimitRangeItem): string[] {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  if (item.type === 'Container') {
    return containers.flatMap(({ resources }) =>
      amountProblems(item, resources?.requests ?? {}, resources?.limits ?? {}),
    );
  }
  if (item.type !== 'Pod' || !containers.every(hasQuantities)) return [];
  return amountProblems(item, quantitiesOf(podAmounts(pod)), quantitiesOf(podLimits(pod)));
}

function hasQuantities({ resources }: Container): boolean {
  return [resources?.requests, resources?.limits].every((each) =>
    Object.values(each ?? {}).every(isQuantity),
  );
}

function quantitiesOf(amounts: Amounts): Quantities {
  const text = (name: string, amount: number): string =>
    name === 'cpu' ? fromMilli(amount) : fromBytes(amount);
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, text(name, amount)]));
}

function amountProblems(item: LimitRangeItem, requests: Quantities, limits: Quantities): string[] {
  return [
    ...tooLittle(item, requests, limits),
    ...tooMuch(item, 'limit', limits, requests),
    ...tooFarApart(item, requests, limits),
  ];
}

const isLess = (a: Quantity, b: Quantity): boolean => compareQuantities(a, b) < 0;

function tooLittle({ type, min = {} }: LimitRangeItem, requests: Quantities, limits: Quantities): string[] {
  return Object.entries(min).flatMap(([name, least]) => {
    const [request, limit] = [requests[name], limits[name]];
    const what = `minimum ${name} usage per ${type} is ${least}`;
    if (request === undefined) return [`${what}.  No request is specified`];
    if (isLess(request, least)) return [`${what}, but request is ${request}`];
    return limit !== undefined && isLess(limit, least) ? [`${what}, but limit is ${limit}`] : [];
  });
}

/** `kind` names the amounts that have to be there, `bounded`. */
function tooMuch(
  { type, max = {} }: LimitRangeItem,
  kind: 'limit' | 'request',
  bounded: Quantities,
  requests: Quantities,
): string[] {
  return Object.entries(max).flatMap(([name, most]) => {
    const [bound, request] = [bounded[name], requests[name]];
    const what = `maximum ${name} usage per ${type} is ${most}`;
    if (bound === undefined) return [`${what}.  No ${kind} is specified`];
    if (isLess(most, bound)) return [`${what}, but ${kind} is ${bound}`];
    return request !== undefined && isLess(most, request) ? [`${what}, but request is ${request}`] : [];
  });
}

function tooFarApart(
  { type, maxLimitRequestRatio = {} }: LimitRangeItem,
  requests: Quantities,
  limits: Quantities,
): string[] {
  const milli = (quantity: Quantity | undefined): number =>
    quantity !== undefined && isQuantity(quantity) ? milliValue(quantity) : 0;
  return Object.entries(maxLimitRequestRatio).flatMap(([name, most]) => {
    const [request, limit] = [milli(requests[name]), milli(limits[name])];
    const what = `${name} max limit to request ratio per ${type} is ${most}`;
    if (request === 0) return [`${what}, but no request is specified or request is 0`];
    if (limit === 0) return [`${what}, but no limit is specified or limit is 0`];
    const ratio = limit / request;
    return ratio * 1_000 > milliValue(most) ? [`${what}, but provided ratio is ${ratio.toFixed(6)}`] : [];
  });
}
