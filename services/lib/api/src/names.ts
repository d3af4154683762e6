/**
 * Syntax of names, keys and values (k8s.io/apimachinery/pkg/util/validation). Each function
 * returns the reasons why a text is not valid, in upstream's words; none when it is.
 */

const LABEL_FORM = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN_FORM = String.raw`${LABEL_FORM}(\.${LABEL_FORM})*`;
const LABEL_1035_FORM = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED_NAME_FORM = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE_FORM = `(${QUALIFIED_NAME_FORM})?`;
const KEY_FORM = '[-._a-zA-Z0-9]+';
const HEADER_FORM = '[-A-Za-z0-9]+';
const PERCENT_FORM = '[0-9]+%';
const UNDERSCORE_LABEL_FORM = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const UNDERSCORE_SUBDOMAIN_FORM = String.raw`${UNDERSCORE_LABEL_FORM}(\.${UNDERSCORE_LABEL_FORM})*`;

const whole = (form: string): RegExp => new RegExp(`^${form}$`);
const LABEL = whole(LABEL_FORM);
const SUBDOMAIN = whole(SUBDOMAIN_FORM);
const LABEL_1035 = whole(LABEL_1035_FORM);
const QUALIFIED_NAME = whole(QUALIFIED_NAME_FORM);
const LABEL_VALUE = whole(LABEL_VALUE_FORM);
const KEY = whole(KEY_FORM);
const HEADER = whole(HEADER_FORM);
const PERCENT = whole(PERCENT_FORM);
const UNDERSCORE_SUBDOMAIN = whole(UNDERSCORE_SUBDOMAIN_FORM);
const PORT_NAME_CHARACTERS = /^[-a-z0-9]+$/;
const LETTER = /[a-z]/;
const PRINTABLE_ASCII_WITHOUT_EQUALS = /^[ -<>-~]+$/;

/** Upstream's `RegexError`: the rule, examples, and the expression. */
function ruleText(rule: string, form: string, ...examples: string[]): string {
  const shown = examples.map((each) => `'${each}', `).join(' or ');
  return `${rule} (e.g. ${shown}regex used for validation is '${form}')`;
}

const LABEL_RULE = ruleText(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  LABEL_FORM,
  'my-name',
  '123-abc',
);
const SUBDOMAIN_RULE = ruleText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  SUBDOMAIN_FORM,
  'example.com',
);
const UNDERSCORE_SUBDOMAIN_RULE = ruleText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  UNDERSCORE_SUBDOMAIN_FORM,
  'example.com',
);
const LABEL_1035_RULE = ruleText(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  LABEL_1035_FORM,
  'my-name',
  'abc-123',
);
const QUALIFIED_NAME_RULE = ruleText(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  QUALIFIED_NAME_FORM,
  'MyName',
  'my.name',
  '123-abc',
);
const LABEL_VALUE_RULE = ruleText(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  LABEL_VALUE_FORM,
  'MyValue',
  'my_value',
  '12345',
);
const KEY_RULE = ruleText(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  KEY_FORM,
  'key.name',
  'KEY_NAME',
  'key-name',
);
const HEADER_RULE = ruleText(
  "a valid HTTP header must consist of alphanumeric characters or '-'",
  HEADER_FORM,
  'X-Header-Name',
);

const PERCENT_RULE = ruleText(
  "a valid percent string must be a numeric string followed by an ending '%'",
  PERCENT_FORM,
  '1%',
  '93%',
);

const tooLong = (limit: number): string => `must be no more than ${limit} characters`;

/** The words for a number outside of an inclusive range. */
export const rangeText = (min: number, max: number): string => `must be between ${min} and ${max}, inclusive`;

/** RFC 1123 label: namespaces, containers, volumes. */
export function dnsLabelProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 63) problems.push(tooLong(63));
  if (!LABEL.test(value)) problems.push(SUBDOMAIN.test(value) ? 'must not contain dots' : LABEL_RULE);
  return problems;
}

/** RFC 1123 subdomain: the names of most kinds. */
export function dnsSubdomainProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 253) problems.push(tooLong(253));
  if (!SUBDOMAIN.test(value)) problems.push(SUBDOMAIN_RULE);
  return problems;
}

/** A subdomain in which underscores are allowed: DNS search paths. */
export function underscoreSubdomainProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 253) problems.push(tooLong(253));
  if (!UNDERSCORE_SUBDOMAIN.test(value)) problems.push(UNDERSCORE_SUBDOMAIN_RULE);
  return problems;
}

/** RFC 1035 label, which does not start with a digit: services. */
export function dns1035LabelProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 63) problems.push(tooLong(63));
  if (!LABEL_1035.test(value)) problems.push(LABEL_1035_RULE);
  return problems;
}

/** What any name must be, since it stands in URLs (`path.IsValidPathSegmentName`). */
export function pathSegmentProblems(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((each) => value.includes(each)).map((each) => `may not contain '${each}'`);
}

/** A name with an optional `domain/` before it: label keys, finalizers, conditions. */
export function qualifiedNameProblems(value: string): string[] {
  const slash = value.indexOf('/');
  if (slash !== value.lastIndexOf('/')) {
    return [
      `a qualified name ${QUALIFIED_NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const problems: string[] = [];
  if (slash === 0) problems.push('prefix part must be non-empty');
  else if (slash > 0) {
    for (const problem of dnsSubdomainProblems(value.slice(0, slash)))
      problems.push(`prefix part ${problem}`);
  }
  const name = slash < 0 ? value : value.slice(slash + 1);
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push(`name part ${tooLong(63)}`);
  if (!QUALIFIED_NAME.test(name)) problems.push(`name part ${QUALIFIED_NAME_RULE}`);
  return problems;
}

export function labelValueProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 63) problems.push(tooLong(63));
  if (!LABEL_VALUE.test(value)) problems.push(LABEL_VALUE_RULE);
  return problems;
}

/** A key of a ConfigMap or Secret: a file name. */
export function configMapKeyProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 253) problems.push(tooLong(253));
  if (!KEY.test(value)) problems.push(KEY_RULE);
  if (value === '.' || value === '..') problems.push(`must not be '${value}'`);
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

/** The relaxed rule of KEP-4369: anything printable but `=`. */
export function envVarNameProblems(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  if (PRINTABLE_ASCII_WITHOUT_EQUALS.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** The name of a port of a container (RFC 6335, lower case). */
export function portNameProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push(tooLong(15));
  if (!PORT_NAME_CHARACTERS.test(value)) {
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!LETTER.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

export function portNumberProblems(value: number): string[] {
  return value >= 1 && value <= 65_535 ? [] : [rangeText(1, 65_535)];
}

export function httpHeaderProblems(value: string): string[] {
  return HEADER.test(value) ? [] : [HEADER_RULE];
}

export function percentProblems(value: string): string[] {
  return isPercent(value) ? [] : [PERCENT_RULE];
}

/** A non-negative percentage such as `25%`. */
export function isPercent(value: string): boolean {
  return PERCENT.test(value);
}
