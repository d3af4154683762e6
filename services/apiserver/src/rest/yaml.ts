/** YAML as Go's clients and servers understand it; the library is loaded when it is first needed. */

import { badRequest, type StatusError } from '@orrery/api/status-error.ts';
import type * as Yaml from 'yaml';
import type { Document, ScalarTag, Tags } from 'yaml';

export interface ParsedYaml {
  value: unknown;
  /** Keys that occur twice, in upstream's words: `line 3: key "a" already set in map`. */
  duplicates: string[];
}

/** go-yaml knows the words of YAML 1.1 (`yes`, `on`), but neither its times nor its base-60 numbers. */
function withoutTimes(tags: Tags): Tags {
  return tags.filter((tag) => {
    if (typeof tag === 'string') return tag !== 'timestamp' && tag !== 'intTime' && tag !== 'floatTime';
    return !tag.tag.endsWith(':timestamp') && (tag as ScalarTag).format !== 'TIME';
  });
}

/** Many more than any manifest has: each costs a look through all that stands before it. */
const MAX_ALIASES = 1_000;

/** The first document of the text, as upstream reads it. @throws StatusError 400 when the text is not YAML. */
export async function parseYaml(text: string): Promise<ParsedYaml> {
  const yaml = await import('yaml');
  const lineCounter = new yaml.LineCounter();
  const document = yaml.parseDocument(text, {
    version: '1.1',
    customTags: withoutTimes,
    lineCounter,
    prettyErrors: false,
    // Compares each key with all before it: a ConfigMap of 50,000 keys would stop the server for a minute.
    uniqueKeys: false,
  });
  const lineOf = (offset: number): number => lineCounter.linePos(offset).line;
  for (const { code, pos, message } of document.errors) {
    if (code === 'MULTIPLE_DOCS') continue;
    throw badRequest(`error converting YAML to JSON: yaml: line ${lineOf(pos[0])}: ${message}`);
  }
  const duplicates = keysSetTwice(yaml, document).map(
    ({ name, offset }) => `line ${lineOf(offset)}: key ${JSON.stringify(name)} already set in map`,
  );
  return { value: plainValue(document), duplicates };
}

/** @throws StatusError 400 for too many aliases, and for a key that is no text, as Go's maps have none. */
function keysSetTwice(
  { isAlias, isScalar, visit }: Pick<typeof Yaml, 'isAlias' | 'isScalar' | 'visit'>,
  document: Document,
): { name: string; offset: number }[] {
  const found: { name: string; offset: number }[] = [];
  let aliases = 0;
  visit(document, {
    Alias: () => {
      aliases += 1;
      if (aliases > MAX_ALIASES) throw excessiveAliasing();
    },
    Map: (_key, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        const named = isAlias(key) ? key.resolve(document) : key;
        // The library would write such a key out as text, in time that doubles with every level of nesting.
        if (!isScalar(named)) throw invalidKey();
        const { value } = named;
        const { range } = key as { range?: readonly number[] | null };
        if (seen.has(value)) found.push({ name: String(value), offset: range?.[0] ?? 0 });
        seen.add(value);
      }
    },
  });
  return found;
}

function excessiveAliasing(): StatusError {
  return badRequest('error converting YAML to JSON: yaml: document contains excessive aliasing');
}

function invalidKey(): StatusError {
  return badRequest('error converting YAML to JSON: yaml: invalid map key: only text can be a key');
}

/** Aliases may refer to aliases: the library stops before ten lines of them become a million values. */
function plainValue(document: Document): unknown {
  try {
    return document.toJS() as unknown;
  } catch (error) {
    throw error instanceof ReferenceError ? excessiveAliasing() : error;
  }
}

export async function stringifyYaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 });
}
