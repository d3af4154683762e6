/** Reads label selectors in their text form (k8s.io/apimachinery/pkg/labels, Parse). */

import { badRequest, type StatusError } from './status-error.ts';

/** One condition on one label. */
export interface Requirement {
  key: string;
  /** Equals selects as In with one value does, but is written `key=value`. */
  operator: 'Equals' | 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'GreaterThan' | 'LessThan';
  /** One integer for GreaterThan and LessThan, none for Exists and DoesNotExist. */
  values: readonly string[];
}

const TOKEN = /==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+/g;

/** What `next` and `take` give after the last token. */
const END = '';

const COMPARISONS: Readonly<Record<string, Requirement['operator']>> = {
  '=': 'Equals',
  '==': 'Equals',
  '!=': 'NotIn',
  '>': 'GreaterThan',
  '<': 'LessThan',
};
const BINARY_OPERATORS = 'in, notin, =, ==, !=, gt, lt';

const DNS_LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const PREFIX = new RegExp(String.raw`^(?=.{1,253}$)${DNS_LABEL}(?:\.${DNS_LABEL})*$`);
const NAME = /^(?=.{1,63}$)[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const NAME_RULE =
  "must be at most 63 alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

function isWord(token: string): boolean {
  return token !== END && !/^[=!(),<>]/.test(token);
}

function startsRequirement(token: string): boolean {
  return isWord(token) || token === '!';
}

function unexpected(token: string, expected: string): string {
  return `found '${token}', expected: ${expected}`;
}

function refused(why: string): StatusError {
  return badRequest(`unable to parse requirement: ${why}`);
}

function checkKey(key: string): void {
  const slash = key.indexOf('/');
  const subject = `<nil>: Invalid value: ${JSON.stringify(key)}`;
  if (slash >= 0 && !PREFIX.test(key.slice(0, slash))) {
    throw refused(`${subject}: prefix part must be a lowercase RFC 1123 subdomain`);
  }
  if (!NAME.test(key.slice(slash + 1))) throw refused(`${subject}: name part ${NAME_RULE}`);
}

function checkValues({ key, operator, values }: Requirement): void {
  for (const [index, value] of values.entries()) {
    const shown = JSON.stringify(value);
    if ((operator === 'GreaterThan' || operator === 'LessThan') && !/^[+-]?\d+$/.test(value)) {
      throw refused(
        `values[${index}]: Invalid value: ${shown}: for 'Gt', 'Lt' operators, the value must be an integer`,
      );
    }
    if (value !== '' && !NAME.test(value)) {
      throw refused(
        `values[${index}][${key}]: Invalid value: ${shown}: a valid label value is empty or ${NAME_RULE}`,
      );
    }
  }
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(TOKEN) ?? [];
  }

  get #next(): string {
    return this.#tokens[this.#at] ?? END;
  }

  #take(): string {
    const token = this.#next;
    this.#at += 1;
    return token;
  }

  requirements(): Requirement[] {
    const requirements: Requirement[] = [];
    while (this.#next !== END) {
      if (!startsRequirement(this.#next)) {
        throw badRequest(unexpected(this.#next, "!, identifier, or 'end of string'"));
      }
      const requirement = this.#requirement();
      checkValues(requirement);
      requirements.push(requirement);
      const separator = this.#take();
      if (separator === END) break;
      if (separator !== ',') throw badRequest(unexpected(separator, "',' or 'end of string'"));
      if (!startsRequirement(this.#next)) throw badRequest(unexpected(this.#next, "identifier after ','"));
    }
    return requirements;
  }

  #requirement(): Requirement {
    const negated = this.#next === '!';
    if (negated) this.#take();
    const key = this.#take();
    if (!isWord(key)) throw refused(unexpected(key, 'identifier'));
    checkKey(key);
    if (negated) return { key, operator: 'DoesNotExist', values: [] };
    if (this.#next === END || this.#next === ',') return { key, operator: 'Exists', values: [] };
    const operator = this.#take();
    if (operator === 'in') return { key, operator: 'In', values: this.#valueSet() };
    if (operator === 'notin') return { key, operator: 'NotIn', values: this.#valueSet() };
    const comparison = COMPARISONS[operator];
    if (comparison === undefined) throw refused(unexpected(operator, BINARY_OPERATORS));
    return { key, operator: comparison, values: [this.#exactValue()] };
  }

  /** Nothing after the operator is the empty value. */
  #exactValue(): string {
    if (this.#next === END || this.#next === ',') return '';
    const value = this.#take();
    if (!isWord(value)) throw refused(unexpected(value, 'identifier'));
    return value;
  }

  /** `(a,b)`; nothing between two separators is the empty value. In order and without repetition. */
  #valueSet(): string[] {
    const opening = this.#take();
    if (opening !== '(') throw refused(`found '${opening}' expected: '('`);
    const values = new Set<string>();
    for (;;) {
      values.add(isWord(this.#next) ? this.#take() : '');
      const separator = this.#take();
      if (separator === ')') return [...values].sort();
      if (separator !== ',') throw refused(unexpected(separator, "',' or ')'"));
    }
  }
}

/** @throws StatusError 400 when the text is not a label selector. */
export function parseRequirements(text: string): Requirement[] {
  return new Parser(text).requirements();
}
