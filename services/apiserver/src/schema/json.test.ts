import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_FIELD_PROBLEMS, findDuplicates, formatPath, parseJson, syntaxProblem } from './json.ts';

describe('parsing a body', () => {
  it('gives the value, and searches for duplicates only when asked to', () => {
    const text = '{"spec":{"replicas":1,"replicas":2}}';
    expect(parseJson(text)).toEqual({ value: { spec: { replicas: 2 } }, duplicates: [] });
    expect(parseJson(text, { duplicates: true }).duplicates).toEqual(['spec.replicas']);
  });

  it('answers broken JSON as upstream does, with the start of the body', () => {
    expect(() => parseJson('{bad', { kind: 'ConfigMap' })).toThrow(
      expect.objectContaining({
        code: 400,
        reason: 'BadRequest',
        message:
          "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; " +
          "json parse error: invalid character 'b' looking for beginning of object key string ({bad)",
      }),
    );
  });

  it.each([
    ['', '(<empty>)'],
    ['{"kind":"Pod","metadata":{"name":', '({"kind":"Pod","metadata":{"nam ...)'],
    ['hello', '(68656c6c6f)'],
  ])('shows %j as %s', (text, shown) => {
    expect(() => parseJson(text, { kind: 'Pod' })).toThrow(shown);
  });
});

describe('what is wrong with JSON, in the words of Go', () => {
  it.each([
    ['', 'unexpected end of JSON input'],
    ['{"a":1', 'unexpected end of JSON input'],
    ['{"a":"b', 'unexpected end of JSON input'],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
    ['{"a":}', "invalid character '}' looking for beginning of value"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{} {}', "invalid character '{' after top-level value"],
    ['tru3', "invalid character '3' in literal true (expecting 'e')"],
    ['nul', 'unexpected end of JSON input'],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['-a', "invalid character 'a' in numeric literal"],
    ['1.a', "invalid character 'a' after decimal point in numeric literal"],
    ['1e+a', "invalid character 'a' in exponent of numeric literal"],
    ["'a'", "invalid character '\\'' looking for beginning of value"],
    ['01', "invalid character '1' after top-level value"],
  ])('%j: %s', (text, problem) => {
    expect(syntaxProblem(text)).toBe(problem);
  });

  it('is found in every text that JSON.parse refuses, and in no other', () => {
    const nearlyJson = fc
      .json()
      .chain((text) =>
        fc
          .tuple(fc.nat(text.length), fc.constantFrom('', '"', '{', ']', ',', '0', '.', 'e', '\\', 'n'))
          .map(([at, inserted]) => text.slice(0, at) + inserted + text.slice(at + 1)),
      );
    fc.assert(
      fc.property(nearlyJson, (text) => {
        let refused = false;
        try {
          JSON.parse(text);
        } catch {
          refused = true;
        }
        expect(syntaxProblem(text) !== 'invalid JSON').toBe(refused);
      }),
      { numRuns: 500 },
    );
  });
});

describe('duplicate keys', () => {
  it.each([
    ['{"a":1,"b":2}', []],
    ['{"a":1,"a":2}', ['a']],
    ['{"a":1,"a":2,"a":3}', ['a']],
    ['{"spec":{"containers":[{"name":"a","name":"b"}]}}', ['spec.containers[0].name']],
    ['[{"op":"add"},{"op":"add","op":"test"}]', ['[1].op']],
    ['{"a":{"x":1},"b":{"x":1}}', []],
    ['{"b":1,"a":{"c":1,"c":2},"b":2}', ['a.c', 'b']],
    ['{"caf\\u00e9":1,"café":2}', ['café']],
    ['{"a":"{\\"b\\":1,\\"b\\":2}"}', []],
  ])('of %s are %j', (text, paths) => {
    expect(findDuplicates(text)).toEqual(paths);
  });

  it('are not found in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        expect(findDuplicates(JSON.stringify(value, null, indent))).toEqual([]);
      }),
    );
  });

  it('are reported up to a limit', () => {
    const many = Array.from({ length: 150 }, (_, index) => `"k${index}":1,"k${index}":2`).join(',');
    expect(findDuplicates(`{${many}}`)).toHaveLength(MAX_FIELD_PROBLEMS);
  });
});

it('paths have dots before names and brackets around indexes', () => {
  expect(formatPath(['spec', 'containers', 0, 'name'])).toBe('spec.containers[0].name');
  expect(formatPath([0, 'op'])).toBe('[0].op');
});
