/**
 * `./orrery test`: every check, fast ones first. Ends with a line `N passed, N failed`.
 *
 *   (no flag)   format, lint, types, unused code, generated code, unit tests, cluster tests, and the
 *               smoke test of the containers where a Docker engine answers
 *   --chaos     the kill tests alone
 *   --compose   the smoke test of the containers alone
 *   FILTER...   only test files whose path contains one of these
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { hasEngine } from './support/compose-project.ts';

const root = resolve(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');

interface Tally {
  passed: number;
  failed: number;
}

function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((settle) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        PATH: `${bin}:${process.env['PATH'] ?? ''}`,
        // Vitest would colour what goes into a file or a pipe as well.
        ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }),
        // The gRPC clients that tests make by hand must not take the user's proxy to this machine.
        no_grpc_proxy: '127.0.0.1',
      },
    });
    child.on('error', () => settle(127));
    child.on('exit', (code) => settle(code ?? 1));
  });
}

/** A check that passes or fails as a whole. */
async function check(title: string, command: string, args: readonly string[]): Promise<Tally> {
  process.stdout.write(`\n== ${title}\n`);
  const ok = (await run(command, args)) === 0;
  process.stdout.write(ok ? `ok: ${title}\n` : `FAILED: ${title}\n`);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1 };
}

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
}

async function tests(project: string, filters: readonly string[]): Promise<Tally> {
  process.stdout.write(`\n== ${project} tests\n`);
  const directory = mkdtempSync(join(tmpdir(), 'orrery-test-'));
  const report = join(directory, 'report.json');
  try {
    const code = await run('vitest', [
      'run',
      `--project=${project}`,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...filters,
    ]);
    const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(
      readFileSync(report, 'utf8'),
    ) as VitestReport;
    // A suite that fails before its tests, or a runner that fails after them, is a failure too.
    const failed = numFailedTests > 0 ? numFailedTests : Math.max(numFailedTestSuites, code === 0 ? 0 : 1);
    return { passed: numPassedTests, failed };
  } catch (error) {
    process.stderr.write(`the test runner gave no report: ${String(error)}\n`);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const STATIC_CHECKS: readonly [string, string, readonly string[]][] = [
  ['format', 'oxfmt', ['--check', '.']],
  ['lint', 'oxlint', ['--type-aware', '--deny-warnings']],
  ['types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']],
  ['unused code', 'knip', []],
  ['generated types in step', 'node', ['services/lib/api/generate/main.ts', '--check']],
  ['generated messages in step', 'node', ['proto/generate.ts', '--check']],
];

async function everything(): Promise<Tally[]> {
  const tallies: Tally[] = [];
  for (const [title, command, args] of STATIC_CHECKS) tallies.push(await check(title, command, args));
  tallies.push(await tests('unit', []));
  tallies.push(await tests('cluster', []));
  if (await hasEngine()) {
    tallies.push(await tests('compose', []));
  } else {
    process.stdout.write(
      '\nleft out, for no Docker engine answers: the containers; with one, "./orrery test --compose" tests them\n',
    );
  }
  return tallies;
}

function parseArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { chaos: { type: 'boolean' }, compose: { type: 'boolean' } },
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArguments();
  const tallies: Tally[] = [];
  if (values.chaos === true) tallies.push(await tests('chaos', positionals));
  if (values.compose === true) tallies.push(await tests('compose', positionals));
  if (values.chaos !== true && values.compose !== true) {
    if (positionals.length === 0) tallies.push(...(await everything()));
    else
      for (const project of ['unit', 'cluster'])
        tallies.push(await tests(project, ['--passWithNoTests', ...positionals]));
  }
  const passed = tallies.reduce((sum, each) => sum + each.passed, 0);
  const failed = tallies.reduce((sum, each) => sum + each.failed, 0);
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exitCode = await main();
