/** Secrets. */

import type { Secret } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { Secrets } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { decodedBytes } from './base64.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { LOCKED, MAX_DATA_BYTES } from './configmap.ts';
import { define } from './definition.ts';
import { checkImmutable, checkSyntax } from './fields.ts';
import { configMapKeyProblems, dnsSubdomainProblems } from './names.ts';

const ACCOUNT_NAME = 'kubernetes.io/service-account.name';

/** Folds the plain texts into the data; they win over what is there. */
function defaultSecret(secret: Secret): void {
  secret.type ||= 'Opaque';
  const { stringData } = secret;
  if (stringData === undefined) return;
  const data = (secret.data ??= {});
  for (const key in stringData) data[key] = Buffer.from(stringData[key]!).toString('base64');
  delete secret.stringData;
}

function validateSecret(secret: Secret): FieldError[] {
  const errors: FieldError[] = [];
  const { data = {} } = secret;
  let bytes = 0;
  for (const key in data) {
    const path = `data[${key}]`;
    checkSyntax(key, path, configMapKeyProblems, errors);
    const size = decodedBytes(data[key]!);
    if (size === undefined) errors.push(field.invalid(path, key, 'illegal base64 data'));
    bytes += size ?? 0;
  }
  if (bytes > MAX_DATA_BYTES) errors.push(field.tooLong('data', MAX_DATA_BYTES));
  checkType(secret, data, errors);
  return errors;
}

/** Secrets of the types that Kubernetes knows must have what these types are for. */
function checkType(
  { metadata, type }: Secret,
  data: Readonly<Record<string, string>>,
  errors: FieldError[],
): void {
  const require = (...keys: string[]): void => {
    for (const key of keys) if (!Object.hasOwn(data, key)) errors.push(field.required(`data[${key}]`));
  };
  switch (type ?? 'Opaque') {
    case 'kubernetes.io/service-account-token':
      if ((metadata.annotations?.[ACCOUNT_NAME] ?? '') === '') {
        errors.push(field.required(`metadata.annotations[${ACCOUNT_NAME}]`));
      }
      break;
    case 'kubernetes.io/dockercfg':
      checkJson(data, '.dockercfg', errors);
      break;
    case 'kubernetes.io/dockerconfigjson':
      checkJson(data, '.dockerconfigjson', errors);
      break;
    case 'kubernetes.io/basic-auth':
      if (data['username'] === undefined && data['password'] === undefined) require('username', 'password');
      break;
    case 'kubernetes.io/ssh-auth':
      if ((data['ssh-privatekey'] ?? '') === '') errors.push(field.required('data[ssh-privatekey]'));
      break;
    case 'kubernetes.io/tls':
      require('tls.crt', 'tls.key');
      break;
    default:
      break;
  }
}

/** The contents never go into messages. */
function checkJson(data: Readonly<Record<string, string>>, key: string, errors: FieldError[]): void {
  const path = `data[${key}]`;
  const text = data[key];
  if (text === undefined) {
    errors.push(field.required(path));
    return;
  }
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64').toString());
    if (typeof value === 'object') return;
  } catch {
    // Reported below.
  }
  errors.push(field.invalid(path, '<secret contents redacted>', 'must be a JSON object'));
}

function validateUpdate(object: Secret, stored: Secret): FieldError[] {
  const errors: FieldError[] = [];
  checkImmutable(object.type, stored.type, 'type', errors);
  if (stored.immutable !== true) return errors;
  if (object.immutable !== true) errors.push(field.forbidden('immutable', LOCKED));
  if (!jsonEqual(object.data ?? {}, stored.data ?? {})) errors.push(field.forbidden('data', LOCKED));
  return errors;
}

export const secretsDefinition = define<Secret>({
  ref: Secrets,
  singular: 'secret',
  versions: [{ group: '', version: 'v1' }],
  columns: [
    nameColumn,
    column('Type', ({ type }) => type ?? ''),
    column('Data', ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
  fields: { type: ({ type }) => type ?? '' },
  subresources: [],
  nameProblems: dnsSubdomainProblems,
  defaults: defaultSecret,
  validate: validateSecret,
  validateUpdate,
});
