/** Amounts of cpu, memory and so on in containers, pods and nodes. */

import type { PodSpec, ResourceRequirements } from '@orrery/api/gen/types.ts';
import { amountText, amountsOf, containersRequests, isPodLevelResource } from '@orrery/api/pod-requests.ts';
import { compareQuantities, isQuantity, milliValue } from '@orrery/api/quantity.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkSyntax, NOT_NEGATIVE } from './fields.ts';
import { dnsLabelProblems, qualifiedNameProblems } from './names.ts';

type ResourceList = Readonly<Record<string, string>>;

const CONTAINER_RESOURCES = new Set(['cpu', 'memory', 'ephemeral-storage']);
/** Objects that quotas count by bare names: whole numbers. */
const OBJECT_COUNTS = [
  'pods resourcequotas services replicationcontrollers secrets configmaps persistentvolumeclaims',
  'services.nodeports services.loadbalancers',
].flatMap((line) => line.split(' '));
/** What quotas can limit by names without a domain, besides huge pages. */
const QUOTA_RESOURCES = new Set([
  ...CONTAINER_RESOURCES,
  ...OBJECT_COUNTS,
  'requests.storage',
  ...['requests', 'limits'].flatMap((kind) => [...CONTAINER_RESOURCES].map((name) => `${kind}.${name}`)),
]);
const INTEGER_RESOURCES = new Set(OBJECT_COUNTS);
const POD_RESOURCES = ['cpu', 'memory'];
const HUGE_PAGES = 'hugepages-';

/** Resources of Kubernetes' own: without a domain, or with `kubernetes.io/`. */
export function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** Extended resources are counted, never shared: whole numbers, request equal to limit. */
function isExtended(name: string): boolean {
  return (
    !isNative(name) && !name.startsWith('requests.') && qualifiedNameProblems(`requests.${name}`).length === 0
  );
}

/** Whether less may be asked for than is allowed (`IsOvercommitAllowed`). */
export function mayOvercommit(name: string): boolean {
  return isNative(name) && !name.startsWith(HUGE_PAGES);
}

/** Reports whether the name can be one of a resource at all (`validateResourceName`). */
function checkResourceName(name: string, path: string, errors: FieldError[]): boolean {
  const problems = qualifiedNameProblems(name);
  if (problems.length > 0) {
    checkSyntax(name, path, () => problems, errors);
    return false;
  }
  if (!name.includes('/') && !isStandard(name)) {
    errors.push(field.invalid(path, name, 'must be a standard resource type or fully qualified'));
  }
  return true;
}

function isStandard(name: string): boolean {
  return name === 'storage' || isForQuotas(name) || name.startsWith(HUGE_PAGES);
}

/** Whether a quota may limit it by this name, which has no domain (`IsStandardQuotaResourceName`). */
export function isForQuotas(name: string): boolean {
  return QUOTA_RESOURCES.has(name) || /^(?:requests\.|limits\.)?hugepages-/.test(name);
}

/** A name in `spec.hard` of a quota (`ValidateResourceQuotaResourceName`). */
export function checkQuotaResourceName(name: string, path: string, errors: FieldError[]): void {
  if (!checkResourceName(name, path, errors)) return;
  if (!name.includes('/') && !isForQuotas(name)) {
    errors.push(field.invalid(path, name, 'must be a standard resource for quotas'));
  }
}

/** A name in a limit range, whose `type` decides which there are (`validateLimitRangeResourceName`). */
export function checkLimitRangeResourceName(
  type: string,
  name: string,
  path: string,
  errors: FieldError[],
): void {
  if (type === 'Pod' || type === 'Container') checkContainerResourceName(name, path, errors);
  else checkResourceName(name, path, errors);
}

/** Two findings for an unknown name, as upstream has them: it is unknown everywhere, and so it is here. */
function checkContainerResourceName(name: string, path: string, errors: FieldError[]): void {
  if (!checkResourceName(name, path, errors)) return;
  if (!name.includes('/')) {
    if (!CONTAINER_RESOURCES.has(name) && !name.startsWith(HUGE_PAGES)) {
      errors.push(field.invalid(path, name, 'must be a standard resource for containers'));
    }
  } else if (!isNative(name) && !isExtended(name)) {
    errors.push(field.invalid(path, name, "doesn't follow extended resource name standard"));
  }
}

function checkPodResourceName(name: string, path: string, errors: FieldError[]): void {
  if (!checkResourceName(name, path, errors)) return;
  if (!isPodLevelResource(name)) errors.push(field.notSupported(path, name, ['cpu', HUGE_PAGES, 'memory']));
}

/** A quantity of a resource: not negative, and whole where the resource is counted. Reports whether it is a quantity. */
export function checkQuantity(name: string, quantity: string, path: string, errors: FieldError[]): boolean {
  if (!isQuantity(quantity)) {
    errors.push(
      field.invalid(
        path,
        quantity,
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      ),
    );
    return false;
  }
  const milli = milliValue(quantity);
  if (milli < 0) errors.push(field.invalid(path, quantity, NOT_NEGATIVE));
  if (milli % 1000 !== 0 && (isExtended(name) || INTEGER_RESOURCES.has(name))) {
    errors.push(field.invalid(path, quantity, 'must be an integer'));
  }
  if (name.startsWith(HUGE_PAGES)) checkHugePages(name, quantity, milli, path, errors);
  return true;
}

function checkHugePages(
  name: string,
  quantity: string,
  milli: number,
  path: string,
  errors: FieldError[],
): void {
  const size = name.slice(HUGE_PAGES.length);
  const page = isQuantity(size) ? milliValue(size) : 0;
  if (page <= 0 || milli % page !== 0) {
    errors.push(field.invalid(path, quantity, `${quantity} is not positive integer multiple of ${name}`));
  }
}

/** Requests and limits of a container; `claims` are the names of the pod's resource claims. */
export function checkContainerResources(
  resources: ResourceRequirements | undefined,
  claims: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  if (resources === undefined) return;
  checkRequirements(resources, checkContainerResourceName, path, errors);
  checkClaims(resources, claims, `${path}.claims`, errors);
}

/** Requests and limits of a pod as a whole (KEP-2837). */
export function checkPodResources(spec: PodSpec, path: string, errors: FieldError[]): void {
  const { resources } = spec;
  if (resources === undefined) return;
  if (resources.claims !== undefined) {
    errors.push(field.forbidden(`${path}.claims`, 'claims cannot be set for Resources at pod-level'));
  }
  const before = errors.length;
  checkRequirements(resources, checkPodResourceName, path, errors);
  if (errors.length === before) checkPodCoversContainers(spec, path, errors);
}

/** What the pod has must be enough for its containers (`validatePodResourceConsistency`). */
function checkPodCoversContainers(spec: PodSpec, path: string, errors: FieldError[]): void {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  if (!spec.containers.every(hasOnlyQuantities) || spec.initContainers?.every(hasOnlyQuantities) === false) {
    return;
  }
  const podRequests = amountsOf(requests);
  for (const [name, amount] of containersRequests(spec)) {
    const request = podRequests.get(name);
    if (request === undefined || amount <= request) continue;
    const why = `must be greater than or equal to aggregate container requests of ${amountText(name, amount)}`;
    errors.push(field.invalid(`${path}.requests[${name}]`, requests[name], why));
  }
  for (const [index, container] of spec.containers.entries()) {
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const most = limits[name];
      if (most === undefined || compareQuantities(limit, most) <= 0) continue;
      // Upstream puts the containers below the pod's resources here.
      const at = `${path}.containers[${index}][${name}].limits`;
      errors.push(field.invalid(at, limit, `must be less than or equal to pod limits of ${most}`));
    }
  }
}

/** What is no quantity has been found at the container. */
function hasOnlyQuantities({ resources = {} }: { resources?: ResourceRequirements }): boolean {
  const { requests = {}, limits = {} } = resources;
  return [...Object.values(requests), ...Object.values(limits)].every(isQuantity);
}

/** The overhead of a runtime class is checked like limits. */
export function checkOverhead(overhead: ResourceList | undefined, path: string, errors: FieldError[]): void {
  if (overhead !== undefined) {
    checkRequirements({ limits: overhead }, checkContainerResourceName, path, errors);
  }
}

function checkRequirements(
  { limits, requests }: ResourceRequirements,
  checkName: typeof checkContainerResourceName,
  path: string,
  errors: FieldError[],
): void {
  for (const name in limits) {
    const at = `${path}.limits[${name}]`;
    checkName(name, at, errors);
    checkQuantity(name, limits[name]!, at, errors);
  }
  for (const name in requests) {
    const at = `${path}.requests[${name}]`;
    checkName(name, at, errors);
    if (checkQuantity(name, requests[name]!, at, errors)) {
      checkAgainstLimit(name, requests[name]!, limits?.[name], path, errors);
    }
  }
  checkHugePagesCompany(limits ?? {}, requests ?? {}, path, errors);
}

function checkAgainstLimit(
  name: string,
  request: string,
  limit: string | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (limit === undefined) {
    if (!mayOvercommit(name)) {
      errors.push(field.required(`${path}.limits`, 'Limit must be set for non overcommitable resources'));
    }
    return;
  }
  if (!isQuantity(limit)) return;
  const over = milliValue(request) - milliValue(limit);
  if (over !== 0 && !mayOvercommit(name)) {
    errors.push(field.invalid(`${path}.requests`, request, `must be equal to ${name} limit of ${limit}`));
  } else if (over > 0) {
    errors.push(
      field.invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`),
    );
  }
}

function checkHugePagesCompany(
  limits: ResourceList,
  requests: ResourceList,
  path: string,
  errors: FieldError[],
): void {
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (!names.some((each) => each.startsWith(HUGE_PAGES))) return;
  if (!names.some((each) => POD_RESOURCES.includes(each))) {
    errors.push(field.forbidden(path, 'HugePages require cpu or memory'));
  }
}

function checkClaims(
  { claims = [] }: ResourceRequirements,
  known: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  const seen = new Set<string>();
  for (const [index, { name = '', request = '' }] of claims.entries()) {
    const at = `${path}[${index}]`;
    if (name === '') {
      errors.push(field.required(at));
      continue;
    }
    if (request !== '') checkSyntax(request, `${at}.request`, dnsLabelProblems, errors);
    const key = request === '' ? name : `${name}/${request}`;
    if (seen.has(key) || seen.has(name)) errors.push(field.duplicate(at, key));
    seen.add(key);
    if (known.has(name)) continue;
    const those = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
    errors.push({
      ...field.notFound(at, name),
      detail: `must be one of the names in pod.spec.resourceClaims${those}`,
    });
  }
}
