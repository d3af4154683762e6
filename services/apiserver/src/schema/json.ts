/**
 * JSON bodies: parsed by JSON.parse, explained by a scanner of our own when broken, and searched for duplicate keys
 * when a client wants strict field validation (KEP-2885). JSON.parse can do neither.
 */
import { badRequest } from '@orrery/api/status-error.ts';

/** Upstream stops collecting after this many problems (sigs.k8s.io/json). */
export const MAX_FIELD_PROBLEMS = 100;

export interface ParseOptions {
  /** The kind that the endpoint takes, for the error message. */
  kind?: string;
  /** Also search for duplicate keys. */
  duplicates?: boolean;
}

/**
 * Parses a request body. `duplicates` is empty unless asked for, since the search costs another pass.
 * Throws StatusError BadRequest with upstream's words for broken JSON.
 */
export function parseJson(
  text: string,
  options: ParseOptions = {},
): { value: unknown; duplicates: string[] } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unreadable(text, syntaxProblem(text), options.kind);
  }
  return { value, duplicates: options.duplicates === true ? findDuplicates(text) : [] };
}

/**
 * Paths of keys that occur more than once in one object, as upstream spells them: `spec.replicas`,
 * `spec.containers[0].name`. Each path once, in order of appearance. The text must be valid JSON.
 */
export function findDuplicates(text: string): string[] {
  const scanner = new JsonScanner(text, true);
  scanner.scan();
  return [...scanner.duplicates];
}

/**
 * What to throw for an error of a walk down to the leaves of a client's document. Go refuses more than 10,000 levels
 * there; here the stack ends earlier, and that is no fault of the server either.
 */
export function depthError(error: unknown): unknown {
  const isTooDeep =
    error instanceof JsonSyntaxProblem ||
    (error instanceof RangeError && error.message.includes('call stack'));
  return isTooDeep ? badRequest('json: exceeded max depth') : error;
}

/** What is wrong with a text that is not JSON, in the words of Go's encoding/json. */
export function syntaxProblem(text: string): string {
  try {
    new JsonScanner(text, false).scan();
  } catch (error) {
    if (error instanceof JsonSyntaxProblem) {
      return error.message;
    }
    throw error;
  }
  return 'invalid JSON';
}

/** Upstream's words for a body of which not even kind and version can be read, with the start of it as a reminder. */
function unreadable(text: string, problem: string, kind: string | undefined): Error {
  const reason = `couldn't get version/kind; json parse error: ${problem}`;
  return badRequest(
    kind === undefined
      ? reason
      : `the object provided is unrecognized (must be of type ${kind}): ${reason} (${summary(text)})`,
  );
}

const SUMMARY_BYTES = 30;

/** `summarizeData` of apiserver/pkg/endpoints/handlers: the text when it may be JSON, hexadecimal otherwise. */
function summary(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length === 0) {
    return '<empty>';
  }
  const start = bytes.subarray(0, SUMMARY_BYTES).toString(text.startsWith('{') ? 'utf8' : 'hex');
  return bytes.length > SUMMARY_BYTES ? `${start} ...` : start;
}

class JsonSyntaxProblem extends Error {}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
/** A string's content up to a quote, an escape or a forbidden control character. */
// oxlint-disable-next-line no-control-regex
const PLAIN_STRING = /[^"\\\u0000-\u001f]*/y;
const MAX_DEPTH = 10_000;

/** One pass over a JSON text: throws JsonSyntaxProblem, and collects paths of duplicate keys when asked to. */
class JsonScanner {
  readonly duplicates = new Set<string>();
  readonly #text: string;
  readonly #findsDuplicates: boolean;
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(text: string, findsDuplicates: boolean) {
    this.#text = text;
    this.#findsDuplicates = findsDuplicates;
  }

  scan(): void {
    this.#space();
    this.#value();
    this.#space();
    if (this.#at < this.#text.length) {
      throw this.#problem('after top-level value');
    }
  }

  #value(): void {
    const character = this.#text[this.#at];
    if (character === '{') {
      this.#object();
    } else if (character === '[') {
      this.#array();
    } else if (character === '"') {
      this.#string();
    } else if (character === 't' || character === 'f' || character === 'n') {
      this.#literal(character === 't' ? 'true' : character === 'f' ? 'false' : 'null');
    } else if (character === '-' || (character !== undefined && character >= '0' && character <= '9')) {
      this.#number();
    } else {
      throw this.#problem('looking for beginning of value');
    }
  }

  #object(): void {
    this.#enter();
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return;
    }
    const keys = this.#findsDuplicates ? new Set<string>() : undefined;
    for (;;) {
      if (this.#text[this.#at] !== '"') {
        throw this.#problem('looking for beginning of object key string');
      }
      const start = this.#at;
      this.#string();
      const key = keys === undefined ? '' : (JSON.parse(this.#text.slice(start, this.#at)) as string);
      this.#path.push(key);
      if (keys?.has(key)) {
        this.#report();
      }
      keys?.add(key);
      this.#space();
      this.#expect(':', 'after object key');
      this.#space();
      this.#value();
      this.#path.pop();
      if (this.#next('}', 'after object key:value pair')) {
        return;
      }
    }
  }

  #array(): void {
    this.#enter();
    if (this.#text[this.#at] === ']') {
      this.#at++;
      return;
    }
    for (let index = 0; ; index++) {
      this.#path.push(index);
      this.#value();
      this.#path.pop();
      if (this.#next(']', 'after array element')) {
        return;
      }
    }
  }

  #enter(): void {
    if (this.#path.length >= MAX_DEPTH) {
      throw new JsonSyntaxProblem('exceeded max depth');
    }
    this.#at++;
    this.#space();
  }

  /** After an element: true at the end of the composite, false when another element follows. */
  #next(close: string, context: string): boolean {
    this.#space();
    if (this.#text[this.#at] === close) {
      this.#at++;
      return true;
    }
    this.#expect(',', context);
    this.#space();
    return false;
  }

  #string(): void {
    this.#at++;
    for (;;) {
      PLAIN_STRING.lastIndex = this.#at;
      PLAIN_STRING.test(this.#text);
      this.#at = PLAIN_STRING.lastIndex;
      const character = this.#text[this.#at];
      if (character === '"') {
        this.#at++;
        return;
      }
      if (character !== '\\') {
        throw this.#problem('in string literal');
      }
      this.#at++;
      this.#escape();
    }
  }

  #escape(): void {
    const character = this.#text[this.#at];
    if (character === undefined || !'"\\/bfnrtu'.includes(character)) {
      throw this.#problem('in string escape code');
    }
    this.#at++;
    const digits = character === 'u' ? 4 : 0;
    for (let digit = 0; digit < digits; digit++) {
      if (!/^[0-9a-fA-F]$/.test(this.#text[this.#at] ?? '')) {
        throw this.#problem('in \\u hexadecimal character escape');
      }
      this.#at++;
    }
  }

  #literal(literal: string): void {
    for (let index = 0; index < literal.length; index++) {
      if (this.#text[this.#at] !== literal[index]) {
        throw this.#problem(`in literal ${literal} (expecting '${literal[index]}')`);
      }
      this.#at++;
    }
  }

  #number(): void {
    NUMBER.lastIndex = this.#at;
    if (!NUMBER.test(this.#text)) {
      this.#at++;
      throw this.#problem('in numeric literal');
    }
    this.#at = NUMBER.lastIndex;
    const character = this.#text[this.#at];
    if (character === '.') {
      this.#at++;
      throw this.#problem('after decimal point in numeric literal');
    }
    if (character === 'e' || character === 'E') {
      this.#at += /^[+-]/.test(this.#text[this.#at + 1] ?? '') ? 2 : 1;
      throw this.#problem('in exponent of numeric literal');
    }
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #expect(character: string, context: string): void {
    if (this.#text[this.#at] !== character) {
      throw this.#problem(context);
    }
    this.#at++;
  }

  #problem(context: string): JsonSyntaxProblem {
    const code = this.#text.codePointAt(this.#at);
    return new JsonSyntaxProblem(
      code === undefined
        ? 'unexpected end of JSON input'
        : `invalid character ${quoteCharacter(String.fromCodePoint(code))} ${context}`,
    );
  }

  #report(): void {
    if (this.duplicates.size < MAX_FIELD_PROBLEMS) {
      this.duplicates.add(formatPath(this.#path));
    }
  }
}

/** `spec.containers[0].name` from its segments. */
export function formatPath(segments: readonly (string | number)[]): string {
  let path = '';
  for (const segment of segments) {
    path += typeof segment === 'number' ? `[${segment}]` : path === '' ? segment : `.${segment}`;
  }
  return path;
}

/** As Go's scanner quotes a character in its messages. */
function quoteCharacter(character: string): string {
  if (character === "'") {
    return "'\\''";
  }
  return character === '"' ? `'"'` : `'${JSON.stringify(character).slice(1, -1)}'`;
}
