/** Environment variables of containers. */

import type { EnvFromSource, EnvVar, EnvVarSource } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkFieldSelector, checkResourceFieldSelector, ENV_FIELDS } from './downward-api.ts';
import { checkRequired, checkSyntax } from './fields.ts';
import { configMapKeyProblems, dnsSubdomainProblems, envVarNameProblems } from './names.ts';

export function checkEnv(env: readonly EnvVar[] | undefined, path: string, errors: FieldError[]): void {
  if (env === undefined) return;
  for (const [index, { name, value, valueFrom }] of env.entries()) {
    checkRequired(name, `${path}[${index}].name`, envVarNameProblems, errors);
    if (valueFrom !== undefined)
      checkValueFrom(valueFrom, value ?? '', `${path}[${index}].valueFrom`, errors);
  }
}

function checkValueFrom(source: EnvVarSource, value: string, path: string, errors: FieldError[]): void {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  if (fieldRef !== undefined) checkFieldSelector(fieldRef, ENV_FIELDS, `${path}.fieldRef`, errors);
  if (resourceFieldRef !== undefined) {
    checkResourceFieldSelector(resourceFieldRef, 'env', `${path}.resourceFieldRef`, errors);
  }
  if (configMapKeyRef !== undefined) checkKeyReference(configMapKeyRef, `${path}.configMapKeyRef`, errors);
  if (secretKeyRef !== undefined) checkKeyReference(secretKeyRef, `${path}.secretKeyRef`, errors);
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef];
  const count = sources.filter((each) => each !== undefined).length;
  if (count === 0) {
    errors.push(
      field.invalid(
        path,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  } else if (value !== '') {
    errors.push(field.invalid(path, '', 'may not be specified when `value` is not empty'));
  } else if (count > 1) {
    errors.push(field.invalid(path, '', 'may not have more than one field specified at a time'));
  }
}

function checkKeyReference(
  { name = '', key = '' }: { name?: string; key?: string },
  path: string,
  errors: FieldError[],
): void {
  checkSyntax(name, `${path}.name`, dnsSubdomainProblems, errors);
  checkRequired(key, `${path}.key`, configMapKeyProblems, errors);
}

export function checkEnvFrom(
  sources: readonly EnvFromSource[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (sources === undefined) return;
  for (const [index, { prefix = '', configMapRef, secretRef }] of sources.entries()) {
    const at = `${path}[${index}]`;
    if (prefix !== '') checkSyntax(prefix, `${at}.prefix`, envVarNameProblems, errors);
    if (configMapRef !== undefined) {
      checkRequired(configMapRef.name, `${at}.configMapRef.name`, dnsSubdomainProblems, errors);
    }
    if (secretRef !== undefined)
      checkRequired(secretRef.name, `${at}.secretRef.name`, dnsSubdomainProblems, errors);
    if (configMapRef === undefined && secretRef === undefined) {
      errors.push(field.invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (configMapRef !== undefined && secretRef !== undefined) {
      errors.push(field.invalid(path, '', 'may not have more than one field specified at a time'));
    }
  }
}
