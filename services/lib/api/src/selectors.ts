/** Label selectors (k8s.io/apimachinery/pkg/labels) and field selectors (pkg/fields). */

import type { LabelSelector } from './gen/types.ts';
import { badRequest } from './status-error.ts';

export type Labels = Readonly<Record<string, string>>;

/** Says whether a set of labels (or fields) is selected. */
export type Matcher = (labels: Labels | undefined) => boolean;

interface Requirement {
  key: string;
  /** Equals selects as In with one value does, but is written `key=value`. */
  operator: 'Equals' | 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values: readonly string[];
}

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
  }
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

/** Splits at commas outside parentheses. */
function splitRequirements(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

const KEY = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?`;
const VALUE = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`;
const SET_FORM = new RegExp(String.raw`^(${KEY})\s+(in|notin)\s*\(([^()]*)\)$`);
const EQUALITY_FORM = new RegExp(String.raw`^(${KEY})\s*(==|=|!=)\s*(${VALUE})$`);
const EXISTS_FORM = new RegExp(String.raw`^(!?)\s*(${KEY})$`);
const VALUE_FORM = new RegExp(`^${VALUE}$`);

function parseRequirement(text: string): Requirement | undefined {
  const set = SET_FORM.exec(text);
  if (set !== null) {
    const values = set[3]!.split(',').map((each) => each.trim());
    if (!values.every((each) => VALUE_FORM.test(each))) return undefined;
    return { key: set[1]!, operator: set[2] === 'in' ? 'In' : 'NotIn', values };
  }
  const equality = EQUALITY_FORM.exec(text);
  if (equality !== null) {
    return { key: equality[1]!, operator: equality[2] === '!=' ? 'NotIn' : 'In', values: [equality[3]!] };
  }
  const exists = EXISTS_FORM.exec(text);
  if (exists !== null) {
    return { key: exists[2]!, operator: exists[1] === '!' ? 'DoesNotExist' : 'Exists', values: [] };
  }
  return undefined;
}

/**
 * The matcher of a `labelSelector` query: `a=b,a!=b,a in (x,y),a notin (x),a,!a`.
 * @throws StatusError 400 when the text is not a selector.
 */
export function parseLabelSelector(text: string): Matcher {
  if (text.trim() === '') return everything;
  const requirements = splitRequirements(text).map((part) => {
    const requirement = parseRequirement(part.trim());
    if (requirement === undefined) {
      throw badRequest(`unable to parse requirement: invalid selector ${JSON.stringify(part.trim())}`);
    }
    return requirement;
  });
  return matcherOf(requirements);
}

/** One term of a field selector. */
export interface FieldTerm {
  field: string;
  value: string;
  equal: boolean;
}

/**
 * The terms of a `fieldSelector` query: `a=b,a==b,a!=b` with `\\`, `\,` and `\=` escaped.
 * @throws StatusError 400 when the text is not a selector.
 */
export function parseFieldSelector(text: string): FieldTerm[] {
  if (text === '') return [];
  return text.split(/(?<=(?<!\\)(?:\\\\)*),/).map((part) => {
    const match = /^([^=!]+?)(!=|==|=)(.*)$/s.exec(part);
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    return { field: match[1]!, value: match[3]!.replaceAll(/\\(.)/gs, '$1'), equal: match[2] !== '!=' };
  });
}
