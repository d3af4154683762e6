/** Label selectors (k8s.io/apimachinery/pkg/labels) and field selectors (pkg/fields). */

import type { LabelSelector } from './gen/types.ts';
import { parseRequirements, type Requirement } from './label-selector-parser.ts';
import { badRequest } from './status-error.ts';

export type Labels = Readonly<Record<string, string>>;

/** Says whether a set of labels (or fields) is selected. */
export type Matcher = (labels: Labels | undefined) => boolean;

const NO_LABELS: Labels = {};

function requirementHolds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'Equals':
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'GreaterThan':
    case 'LessThan':
      return value !== undefined && numberHolds(operator, value, values[0]!);
  }
}

/** A label that is not an integer is on neither side. */
function numberHolds(operator: 'GreaterThan' | 'LessThan', label: string, bound: string): boolean {
  if (!/^[+-]?\d+$/.test(label)) return false;
  const [left, right] = [BigInt(label.replace('+', '')), BigInt(bound.replace('+', ''))];
  return operator === 'GreaterThan' ? left > right : left < right;
}

function matcherOf(requirements: readonly Requirement[]): Matcher {
  return (labels = NO_LABELS) => requirements.every((each) => requirementHolds(each, labels));
}

/** Selects everything. */
export const everything: Matcher = () => true;

/** Selects nothing. */
export const nothing: Matcher = () => false;

function requirementsOf(selector: LabelSelector): Requirement[] {
  const equalities = Object.entries(selector.matchLabels ?? {}).map(([key, value]): Requirement => ({
    key,
    operator: 'Equals',
    values: [value],
  }));
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }): Requirement => ({
    key,
    operator: operator as Requirement['operator'],
    values: values ?? [],
  }));
  return [...equalities, ...expressions];
}

/**
 * The matcher of a LabelSelector object: no selector selects nothing, an empty one
 * everything (`metav1.LabelSelectorAsSelector`).
 */
export function labelSelectorMatcher(selector: LabelSelector | undefined): Matcher {
  return selector === undefined ? nothing : matcherOf(requirementsOf(selector));
}

/** The matcher of a plain map, as ReplicationControllers and Services use: an empty map selects nothing. */
export function mapMatcher(map: Labels | undefined): Matcher {
  if (map === undefined || Object.keys(map).length === 0) return nothing;
  return labelSelectorMatcher({ matchLabels: { ...map } });
}

/** The text form of a selector, keys in order: what `status.selector` of a Scale holds. */
export function formatLabelSelector(selector: LabelSelector): string {
  return requirementsOf(selector)
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ key, operator, values }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `!${key}`;
      if (operator === 'Equals') return `${key}=${values[0]}`;
      return `${key} ${operator === 'In' ? 'in' : 'notin'} (${[...values].sort().join(',')})`;
    })
    .join(',');
}

/**
 * The matcher of a `labelSelector` query: `a=b,a!=b,a in (x,y),a notin (x),a,!a,a>1,a<1`.
 * @throws StatusError 400 when the text is not a selector.
 */
export function parseLabelSelector(text: string): Matcher {
  return matcherOf(parseRequirements(text));
}

/** One term of a field selector. */
export interface FieldTerm {
  field: string;
  value: string;
  equal: boolean;
}

/** A comma that no backslash, or an even number of them, stands before. */
const UNESCAPED_COMMA = /(?<=(?<!\\)(?:\\\\)*),/;

/**
 * The terms of a `fieldSelector` query: `a=b,a==b,a!=b` with `\\`, `\,` and `\=` escaped in values.
 * @throws StatusError 400 when the text is not a selector.
 */
export function parseFieldSelector(text: string): FieldTerm[] {
  const parts = text.split(UNESCAPED_COMMA).filter((part) => part !== '');
  return parts.map((part) => {
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(part);
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    return { field: match[1]!, value: unescapedValue(match[3]!), equal: match[2] !== '!=' };
  });
}

function unescapedValue(text: string): string {
  return text.replaceAll(/\\(.?)|=/gsu, (found: string, escaped: string | undefined) => {
    if (escaped === undefined) {
      // Upstream shows the character by its number.
      throw badRequest(`invalid field selector: unescaped character in value: ${found.codePointAt(0)}`);
    }
    if (escaped === '' || !'\\,='.includes(escaped)) {
      throw badRequest(`invalid field selector: invalid escape sequence: ${found}`);
    }
    return escaped;
  });
}
