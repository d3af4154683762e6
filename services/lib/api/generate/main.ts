/**
 * Generates `src/gen/schema.json` (the type table) and `src/gen/types.ts` (TypeScript forms of the same types).
 *
 *     node services/lib/api/generate/main.ts           writes both files
 *     node services/lib/api/generate/main.ts --check   exits 1 when the committed files differ
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDescriptors } from './descriptors.ts';
import { buildTable } from './table.ts';
import { renderTypes } from './types.ts';

const OUTPUT = fileURLToPath(new URL('../src/gen/', import.meta.url));

/** The generated files' contents by name. Deterministic: the same descriptors and facts give the same bytes. */
export function generate(): Map<string, string> {
  const table = buildTable(readDescriptors());
  return new Map([
    ['schema.json', `${JSON.stringify(table, null, 2)}\n`],
    ['types.ts', renderTypes(table)],
  ]);
}

/** Names of the files that a directory lacks or holds with other contents. */
export function staleFiles(files: ReadonlyMap<string, string>, directory: string): string[] {
  return [...files]
    .filter(([name, text]) => readOrEmpty(join(directory, name)) !== text)
    .map(([name]) => name);
}

function readOrEmpty(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** The command; returns its exit code. */
export function main(args: readonly string[], directory = OUTPUT): number {
  const unknown = args.find((argument) => argument !== '--check');
  if (unknown !== undefined) {
    process.stderr.write(`unknown argument ${unknown}: use --check or nothing\n`);
    return 1;
  }
  const files = generate();
  if (args.includes('--check')) {
    const stale = staleFiles(files, directory);
    for (const name of stale) {
      process.stderr.write(
        `${join(directory, name)} is out of step: run node services/lib/api/generate/main.ts\n`,
      );
    }
    return stale.length === 0 ? 0 : 1;
  }
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of files) {
    writeFileSync(join(directory, name), text);
  }
  return 0;
}

if (import.meta.main) {
  process.exitCode = main(process.argv.slice(2));
}
