/** References to fields of the pod and to resources of its containers, in env and volumes. */

import type { ObjectFieldSelector, ResourceFieldSelector } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkSyntax } from './fields.ts';
import { qualifiedNameProblems } from './names.ts';

/** What env may refer to, in the order in which messages list it. */
export const ENV_FIELDS: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

export const VOLUME_FIELDS: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

const KNOWN_FIELDS = new Set([...ENV_FIELDS, ...VOLUME_FIELDS]);

const RESOURCES: readonly string[] = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

const BYTE_DIVISORS = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

const SUBSCRIPTED = /^(.+)\['(.*)'\]$/s;

/** `metadata.name`, or `metadata.labels['key']`. */
export function checkFieldSelector(
  { apiVersion = '', fieldPath = '' }: Partial<ObjectFieldSelector>,
  supported: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  if (apiVersion === '') {
    errors.push(field.required(`${path}.apiVersion`));
    return;
  }
  if (fieldPath === '') {
    errors.push(field.required(`${path}.fieldPath`));
    return;
  }
  if (apiVersion !== 'v1') {
    const why = `error converting fieldPath: unsupported pod version: ${apiVersion}`;
    errors.push(field.invalid(`${path}.fieldPath`, fieldPath, why));
    return;
  }
  const [, map, key = ''] = SUBSCRIPTED.exec(fieldPath) ?? [];
  if (map === 'metadata.annotations') checkSyntax(key.toLowerCase(), path, qualifiedNameProblems, errors);
  else if (map === 'metadata.labels') checkSyntax(key, path, qualifiedNameProblems, errors);
  else if (map !== undefined) errors.push(field.invalid(path, map, 'does not support subscript'));
  else if (!KNOWN_FIELDS.has(fieldPath)) {
    const why = `error converting fieldPath: field label not supported: ${fieldPath}`;
    errors.push(field.invalid(`${path}.fieldPath`, fieldPath, why));
  } else if (!supported.includes(fieldPath)) {
    errors.push(field.notSupported(`${path}.fieldPath`, fieldPath, supported));
  }
}

/** `limits.cpu` of a container. In volumes the container must be named. */
export function checkResourceFieldSelector(
  { containerName = '', resource = '', divisor = '0' }: Partial<ResourceFieldSelector>,
  place: 'env' | 'volume',
  path: string,
  errors: FieldError[],
): void {
  const hugePages = resource.startsWith('limits.hugepages-') || resource.startsWith('requests.hugepages-');
  if (place === 'volume' && containerName === '') errors.push(field.required(`${path}.containerName`));
  else if (resource === '') errors.push(field.required(`${path}.resource`));
  else if (!RESOURCES.includes(resource) && !hugePages) {
    errors.push(field.notSupported(`${path}.resource`, resource, RESOURCES));
  }
  if (divisor !== '0') checkDivisor(resource, divisor, hugePages, path, errors);
}

function checkDivisor(
  resource: string,
  divisor: string,
  hugePages: boolean,
  path: string,
  errors: FieldError[],
): void {
  const kind = hugePages ? 'hugepages' : resource.slice(resource.indexOf('.') + 1);
  if (kind === 'cpu') {
    if (divisor === '1m' || divisor === '1') return;
    errors.push(
      field.invalid(
        `${path}.divisor`,
        resource,
        "only divisor's values 1m and 1 are supported with the cpu resource",
      ),
    );
    return;
  }
  const shown = kind === 'ephemeral-storage' ? 'local ephemeral storage' : kind;
  if (!['memory', 'ephemeral-storage', 'hugepages'].includes(kind) || BYTE_DIVISORS.includes(divisor)) return;
  errors.push(
    field.invalid(
      `${path}.divisor`,
      resource,
      `only divisor's values ${BYTE_DIVISORS.join(', ')} are supported with the ${shown} resource`,
    ),
  );
}
