import { describe, expect, it } from 'vitest';
import {
  configMapKeyProblems,
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  envVarNameProblems,
  labelValueProblems,
  pathSegmentProblems,
  portNameProblems,
  qualifiedNameProblems,
} from './names.ts';

const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const KEY =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

const long = (count: number): string => 'a'.repeat(count);

const rules = {
  configMapKeyProblems,
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  envVarNameProblems,
  labelValueProblems,
  pathSegmentProblems,
  portNameProblems,
  qualifiedNameProblems,
};

describe('names', () => {
  it.each([
    ['dnsLabelProblems', 'web-1', []],
    ['dnsLabelProblems', 'a.b', ['must not contain dots']],
    ['dnsLabelProblems', 'Web', [LABEL]],
    ['dnsLabelProblems', 'web\n', [LABEL]],
    ['dnsLabelProblems', long(64), ['must be no more than 63 characters']],
    ['dnsSubdomainProblems', 'a.b-c.d', []],
    ['dnsSubdomainProblems', 'a..b', [SUBDOMAIN]],
    ['dnsSubdomainProblems', '', [SUBDOMAIN]],
    ['dnsSubdomainProblems', long(254), ['must be no more than 253 characters']],
    ['dns1035LabelProblems', 'web', []],
    ['dns1035LabelProblems', '1web', [LABEL_1035]],
    ['qualifiedNameProblems', 'app', []],
    ['qualifiedNameProblems', 'example.com/App_1', []],
    ['qualifiedNameProblems', '', ['name part must be non-empty', `name part ${QUALIFIED}`]],
    ['qualifiedNameProblems', '/app', ['prefix part must be non-empty']],
    ['qualifiedNameProblems', 'Example.com/app', [`prefix part ${SUBDOMAIN}`]],
    [
      'qualifiedNameProblems',
      'a/b/c',
      [
        `a qualified name ${QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
      ],
    ],
    ['qualifiedNameProblems', long(64), ['name part must be no more than 63 characters']],
    ['labelValueProblems', '', []],
    ['labelValueProblems', 'V_1.x', []],
    ['labelValueProblems', 'a b', [LABEL_VALUE]],
    ['labelValueProblems', '-a', [LABEL_VALUE]],
    ['configMapKeyProblems', '.profile', []],
    ['configMapKeyProblems', 'a/b', [KEY]],
    ['configMapKeyProblems', '..', ["must not be '..'"]],
    ['configMapKeyProblems', '..a', ["must not start with '..'"]],
    ['portNameProblems', 'http', []],
    ['portNameProblems', '80', ['must contain at least one letter (a-z)']],
    ['portNameProblems', 'a--b', ['must not contain consecutive hyphens']],
    ['portNameProblems', '-a', ['must not begin or end with a hyphen']],
    ['portNameProblems', long(16), ['must be no more than 15 characters']],
    ['envVarNameProblems', '9 lives!', []],
    [
      'envVarNameProblems',
      'a=b',
      ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
    ],
    ['pathSegmentProblems', 'a%b', ["may not contain '%'"]],
    ['pathSegmentProblems', '..', ["may not be '..'"]],
  ] as const)('%s(%j)', (name, value, problems) => {
    expect(rules[name](value)).toEqual(problems);
  });
});
