/** redis-server and nats-server: found, or installed by the system's package manager. */

import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from './cli-error.ts';
import { childEnvironment, programDirectories } from './config.ts';

/** Paths of the two servers that Orrery does not bring itself. */
export interface ServerPrograms {
  readonly redisServer: string;
  readonly natsServer: string;
}

/** What each program is called, there and in both package managers. */
const PACKAGES = {
  'redis-server': { debian: 'redis-server', homebrew: 'redis' },
  'nats-server': { debian: 'nats-server', homebrew: 'nats-server' },
} as const;

type ProgramName = keyof typeof PACKAGES;

const PROGRAM_NAMES: readonly ProgramName[] = ['redis-server', 'nats-server'];

/** Lines of a package manager's output that are shown when it fails. */
const SHOWN_LINES = 10;

/** The path of a program, or undefined when it is not installed. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of programDirectories()) {
    const path = join(directory, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not here; the next directory may have it.
    }
  }
  return undefined;
}

/**
 * Finds both servers; installs what is missing with apt-get (as root) or Homebrew. `report` is
 * told what takes long.
 * @throws CliError that says what to install by hand.
 */
export async function ensureServerPrograms(report: (line: string) => void): Promise<ServerPrograms> {
  const missing = await missingPrograms();
  if (missing.length > 0) {
    await install(missing, report);
    const still = await missingPrograms();
    if (still.length > 0) throw new CliError(howToInstall(still));
  }
  const [redisServer, natsServer] = await Promise.all([
    findProgram('redis-server'),
    findProgram('nats-server'),
  ]);
  if (redisServer === undefined || natsServer === undefined) throw new CliError(howToInstall(PROGRAM_NAMES));
  return { redisServer, natsServer };
}

async function missingPrograms(): Promise<ProgramName[]> {
  const found = await Promise.all(PROGRAM_NAMES.map(findProgram));
  return PROGRAM_NAMES.filter((_, index) => found[index] === undefined);
}

async function install(programs: readonly ProgramName[], report: (line: string) => void): Promise<void> {
  const [aptGet, brew] = await Promise.all([findProgram('apt-get'), findProgram('brew')]);
  if (aptGet !== undefined && process.getuid?.() === 0) {
    const packages = programs.map((name) => PACKAGES[name].debian);
    report(`installing ${packages.join(' and ')} with apt-get (first time only) ...`);
    await installWithApt(aptGet, packages, programs);
    return;
  }
  if (brew === undefined) throw new CliError(howToInstall(programs));
  const formulas = programs.map((name) => PACKAGES[name].homebrew);
  report(`installing ${formulas.join(' and ')} with Homebrew (first time only) ...`);
  await runQuietly(brew, ['install', ...formulas], programs);
}

/**
 * On Debian a server's package also starts the server, now and at every boot. Orrery starts its
 * own, so the packaged ones must neither run nor be enabled.
 */
async function installWithApt(aptGet: string, packages: readonly string[], programs: readonly ProgramName[]) {
  const withdraw = await forbidServiceStarts();
  try {
    await runQuietly(aptGet, ['update', '-qq'], programs);
    await runQuietly(aptGet, ['install', '-y', '-qq', '--no-install-recommends', ...packages], programs);
  } finally {
    await withdraw();
  }
  const systemctl = await findProgram('systemctl');
  if (systemctl === undefined) return;
  // Without systemd running there is nothing to disable, and the error says no more than that.
  await runQuietly(systemctl, ['disable', '--now', ...packages], programs).catch(() => undefined);
}

/** Debian asks this program before a package may start its service; 101 means no. */
const POLICY_PROGRAM = '/usr/sbin/policy-rc.d';

async function forbidServiceStarts(): Promise<() => Promise<void>> {
  try {
    await writeFile(POLICY_PROGRAM, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' });
    return () => rm(POLICY_PROGRAM, { force: true });
  } catch {
    // The system has a policy of its own; it stays.
    return () => Promise.resolve();
  }
}

function runQuietly(
  command: string,
  args: readonly string[],
  programs: readonly ProgramName[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    // RUNLEVEL=1 is the older way to say that no service may start.
    const env = childEnvironment({ DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' });
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-16_384);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) {
        resolve();
        return;
      }
      const last = output.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
      reject(new CliError(`"${[command, ...args].join(' ')}" failed; ${howToInstall(programs)}\n${last}`));
    });
  });
}

function howToInstall(programs: readonly ProgramName[]): string {
  const debian = programs.map((name) => PACKAGES[name].debian).join(' ');
  const homebrew = programs.map((name) => PACKAGES[name].homebrew).join(' ');
  return (
    `install ${programs.join(' and ')} (Debian and Ubuntu: sudo apt-get install ${debian}; ` +
    `macOS: brew install ${homebrew}), or use "docker compose up", which needs neither`
  );
}
