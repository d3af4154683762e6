/**
 * Makes gen/ from the .proto files with buf and ts-proto. With --check it changes nothing
 * and fails when the committed output differs from what it would make.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const here = import.meta.dirname;
const bin = join(here, 'node_modules/.bin');
const rootBin = join(here, '../node_modules/.bin');

function generate(output: string): void {
  execFileSync(join(bin, 'buf'), ['generate', '--output', output], {
    cwd: here,
    stdio: 'inherit',
    env: { ...process.env, PATH: [bin, rootBin, process.env['PATH']].join(delimiter) },
  });
}

/** Relative path and content of every file below a directory. */
function contents(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((each) =>
    each.isFile(),
  );
  return new Map(
    files.map((each) => {
      const path = join(each.parentPath, each.name);
      return [path.slice(directory.length), readFileSync(path, 'utf8')];
    }),
  );
}

function isInStep(): boolean {
  const scratch = mkdtempSync(join(tmpdir(), 'orrery-proto-'));
  try {
    generate(scratch);
    const made = contents(join(scratch, 'gen'));
    const committed = contents(join(here, 'gen'));
    return made.size === committed.size && [...made].every(([path, text]) => committed.get(path) === text);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (process.argv.includes('--check')) {
  if (!isInStep()) {
    process.stderr.write('proto/gen is not what the .proto files say: run `node proto/generate.ts`\n');
    process.exitCode = 1;
  }
} else {
  generate('.');
}
