/** YAML as Go's clients and servers understand it; the library is loaded when it is first needed. */

import { badRequest } from '@orrery/api/status-error.ts';
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

/** @throws StatusError 400 when the text is not YAML. */
export async function parseYaml(text: string): Promise<ParsedYaml> {
  const { LineCounter, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    version: '1.1',
    customTags: withoutTimes,
    lineCounter,
    prettyErrors: false,
  });
  const lineOf = ([offset]: [number, number]): number => lineCounter.linePos(offset).line;
  const duplicates: string[] = [];
  for (const error of document.errors) {
    if (error.code !== 'DUPLICATE_KEY') {
      throw badRequest(`error converting YAML to JSON: yaml: line ${lineOf(error.pos)}: ${error.message}`);
    }
    const key = text.slice(...error.pos).split(/\s*:(?:\s|$)/, 1)[0] ?? '';
    duplicates.push(`line ${lineOf(error.pos)}: key ${JSON.stringify(key)} already set in map`);
  }
  return { value: plainValue(document), duplicates };
}

/** Aliases may refer to aliases: the library stops before ten lines of them become a million values. */
function plainValue(document: Document): unknown {
  try {
    return document.toJS() as unknown;
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw badRequest(`error converting YAML to JSON: yaml: ${error.message}`);
  }
}

export async function stringifyYaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 });
}
