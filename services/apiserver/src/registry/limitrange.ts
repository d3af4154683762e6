/** LimitRanges (pkg/apis/core/validation, ValidateLimitRange). */

import type { LimitRange, LimitRangeItem } from '@orrery/api/gen/types.ts';
import { compareQuantities, isQuantity, milliValue } from '@orrery/api/quantity.ts';
import { LimitRanges } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkSyntax } from './fields.ts';
import { dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';
import { checkLimitRangeResourceName, checkQuantity, mayOvercommit } from './resources.ts';

const AMOUNTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
type AmountField = (typeof AMOUNTS)[number];

const TYPES = ['Container', 'PersistentVolumeClaim', 'Pod'];

/** What is left out follows from what is there (`SetDefaults_LimitRangeItem`). */
function defaultItem(item: LimitRangeItem): void {
  if (item.type !== 'Container') return;
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}

function validateRange({ spec }: LimitRange): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, item] of (spec?.limits ?? []).entries()) {
    const path = `spec.limits[${index}]`;
    checkType(item.type ?? '', `${path}.type`, errors);
    if (seen.has(item.type)) errors.push(field.duplicate(`${path}.type`, item.type));
    seen.add(item.type);
    checkItem(item, path, errors);
  }
  return errors;
}

function checkType(type: string, path: string, errors: FieldError[]): void {
  const problems = qualifiedNameProblems(type);
  checkSyntax(type, path, () => problems, errors);
  if (problems.length === 0 && !type.includes('/') && !TYPES.includes(type)) {
    errors.push(field.invalid(path, type, 'must be a standard limit type or fully qualified'));
  }
}

function checkItem(item: LimitRangeItem, path: string, errors: FieldError[]): void {
  const names = new Set<string>();
  let areQuantities = true;
  for (const key of AMOUNTS) {
    if (item.type === 'Pod' && (key === 'default' || key === 'defaultRequest')) {
      const why = "may not be specified when `type` is 'Pod'";
      if (Object.keys(item[key] ?? {}).length > 0) errors.push(field.forbidden(`${path}.${key}`, why));
      continue;
    }
    for (const [name, quantity] of Object.entries(item[key] ?? {})) {
      const at = `${path}.${key}[${name}]`;
      names.add(name);
      checkLimitRangeResourceName(item.type, name, at, errors);
      areQuantities = checkQuantity(name, quantity, at, errors) && areQuantities;
    }
  }
  const hasStorage = item.min?.['storage'] !== undefined || item.max?.['storage'] !== undefined;
  if (item.type === 'PersistentVolumeClaim' && !hasStorage) {
    const why = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(field.required(`${path}.limits`, why));
  }
  if (areQuantities) for (const name of names) checkOrder(item, name, path, errors);
}

/** Which amount must not be more than which, the field and value that the error is about, and how it names both. */
const ORDER: readonly [AmountField, AmountField, AmountField, 'low' | 'high', string, string][] = [
  ['min', 'max', 'min', 'low', 'min value', 'max value'],
  ['min', 'defaultRequest', 'defaultRequest', 'high', 'min value', 'default request value'],
  ['defaultRequest', 'max', 'defaultRequest', 'low', 'default request value', 'max value'],
  ['defaultRequest', 'default', 'defaultRequest', 'low', 'default request value', 'default limit value'],
  ['min', 'default', 'default', 'low', 'min value', 'default value'],
  ['default', 'max', 'default', 'high', 'default value', 'max value'],
];

function checkOrder(item: LimitRangeItem, name: string, path: string, errors: FieldError[]): void {
  for (const [low, high, at, shown, lowName, highName] of ORDER) {
    const [less, more] = [item[low]?.[name], item[high]?.[name]];
    if (less === undefined || more === undefined || compareQuantities(less, more) <= 0) continue;
    const value = shown === 'low' ? less : more;
    const why = `${lowName} ${less} is greater than ${highName} ${more}`;
    errors.push(field.invalid(`${path}.${at}[${name}]`, value, why));
  }
  checkRatio(item, name, `${path}.maxLimitRequestRatio[${name}]`, errors);
  const [limit, request] = [item.default?.[name], item.defaultRequest?.[name]];
  if (limit === undefined || request === undefined || mayOvercommit(name)) return;
  if (compareQuantities(limit, request) !== 0) {
    const why = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
    errors.push(field.invalid(`${path}.defaultRequest[${name}]`, request, why));
  }
}

function checkRatio(
  { max, min, maxLimitRequestRatio }: LimitRangeItem,
  name: string,
  path: string,
  errors: FieldError[],
): void {
  const ratio = maxLimitRequestRatio?.[name];
  if (ratio === undefined || !isQuantity(ratio)) return;
  if (milliValue(ratio) < 1_000) errors.push(field.invalid(path, ratio, `ratio ${ratio} is less than 1`));
  const [least, most] = [min?.[name], max?.[name]];
  if (least === undefined || most === undefined) return;
  const widest = milliValue(most) / milliValue(least);
  if (milliValue(ratio) / 1_000 > widest) {
    errors.push(field.invalid(path, ratio, `ratio ${ratio} is greater than max/min = ${widest.toFixed(6)}`));
  }
}

export const limitRangesDefinition = define<LimitRange>({
  ref: LimitRanges,
  singular: 'limitrange',
  shortNames: ['limits'],
  versions: [{ group: '', version: 'v1' }],
  columns: [nameColumn, column('Created At', ({ metadata }) => metadata.creationTimestamp ?? '', 'date')],
  subresources: [],
  createsOnUpdate: true,
  nameProblems: dnsSubdomainProblems,
  defaults: ({ spec }) => {
    for (const item of spec?.limits ?? []) defaultItem(item);
  },
  validate: validateRange,
});
