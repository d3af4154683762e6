/** The layout of a cluster's data directory, and what may be done to it. */

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { CliError, messageOf, systemErrorCode } from './cli-error.ts';
import { SUPERVISOR } from './supervisor/process-spec.ts';

/** Paths of everything that belongs to one cluster. */
export interface DataDirectory {
  readonly path: string;
  /** What the cluster is: ports, options, clock. Its presence marks the directory as ours. */
  readonly clusterFile: string;
  readonly kubeconfig: string;
  readonly redis: string;
  /** What the apiserver keeps outside Redis: CA, keys, revision high-water mark. */
  readonly state: string;
  readonly logs: string;
  readonly run: string;
  readonly controlSocket: string;
  logFile(name: string): string;
  pidFile(name: string): string;
  /** The names of what has a log or a pid file; none while the directory is not there. */
  namesOfLogFiles(): Promise<string[]>;
  namesOfPidFiles(): Promise<string[]>;
}

/** The kernel takes paths of 104 (macOS) or 108 bytes (Linux), with their end. */
const LONGEST_SOCKET_PATH_BYTES = 100;

/** The layout below an absolute path. Touches nothing. */
export function dataDirectory(path: string): DataDirectory {
  const run = join(path, 'run');
  const logs = join(path, 'logs');
  return {
    path,
    clusterFile: join(path, 'cluster.json'),
    kubeconfig: join(path, 'kubeconfig'),
    redis: join(path, 'redis'),
    state: join(path, 'state'),
    logs,
    run,
    controlSocket: controlSocketPath(run),
    logFile: (name) => join(logs, `${name}.log`),
    pidFile: (name) => join(run, `${name}.pid`),
    namesOfLogFiles: () => namesOf(logs, '.log'),
    namesOfPidFiles: () => namesOf(run, '.pid'),
  };
}

async function namesOf(directory: string, ending: string): Promise<string[]> {
  const entries = (await entriesOf(directory)) ?? [];
  return entries.filter((each) => each.endsWith(ending)).map((each) => each.slice(0, -ending.length));
}

function controlSocketPath(run: string): string {
  const path = join(run, 'supervisor.sock');
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH_BYTES) return path;
  const digest = createHash('sha256').update(run).digest('hex').slice(0, 16);
  // Not what TMPDIR says, which may be another in the next terminal.
  return `/tmp/orrery-${digest}.sock`;
}

/**
 * Checks that a cluster may live in a directory, without changing anything.
 * @throws CliError when it is not a directory, not writable, or full of other things.
 */
export async function assertUsable(data: DataDirectory): Promise<void> {
  const entries = await entriesOf(data.path);
  if (entries === undefined) {
    await assertWritable(await nearestExisting(dirname(data.path)), data.path);
    return;
  }
  await assertWritable(data.path, data.path);
  if (entries.includes(basename(data.clusterFile))) return;
  for (const name of entries) {
    if (await isExpected(name, data)) continue;
    throw new CliError(
      `${shown(data.path)} holds other things than a cluster; choose another directory with --data`,
    );
  }
}

/** Whether something may be in a directory in which no cluster has been started yet. */
async function isExpected(name: string, data: DataDirectory): Promise<boolean> {
  // A cluster in containers leaves its kubeconfig in the same place.
  if (isKubeconfig(name, data)) return true;
  // The rest a start leaves that was killed before it could say what the cluster is.
  if (name === basename(draftOf(data.clusterFile))) return true;
  if (name !== basename(data.run)) return false;
  const running = (await entriesOf(data.run)) ?? [];
  return running.every((each) => each.startsWith(basename(data.pidFile(SUPERVISOR))));
}

/** The kubeconfig, or what is left of it by an apiserver that was killed while it wrote it. */
function isKubeconfig(name: string, data: DataDirectory): boolean {
  const own = basename(data.kubeconfig);
  return name === own || (name.startsWith(`${own}.`) && name.endsWith('.tmp'));
}

/** Where a file is written before it takes its name, so that it is there whole or not at all. */
export function draftOf(path: string): string {
  return `${path}.new`;
}

async function entriesOf(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return undefined;
    const what = code === 'ENOTDIR' ? 'is not a directory' : `cannot be read (${messageOf(error)})`;
    throw new CliError(`${shown(path)} ${what}; choose another with --data`);
  }
}

async function nearestExisting(path: string): Promise<string> {
  let current = path;
  while (current !== dirname(current) && !(await isDirectory(current))) current = dirname(current);
  return current;
}

async function assertWritable(path: string, wanted: string): Promise<void> {
  try {
    await access(path, constants.W_OK | constants.X_OK);
  } catch {
    throw new CliError(`${shown(wanted)} cannot be written; choose another directory with --data`);
  }
}

/** Makes the directories. Only the owner may look into them: they hold keys. */
export async function makeDirectories(data: DataDirectory): Promise<void> {
  for (const path of [data.redis, data.state, data.logs, data.run]) {
    await writing(data, () => makePath(path));
  }
}

/** Makes the one directory that has to be there before anything else. Returns what was missing, from the top. */
export function makeRunDirectory(data: DataDirectory): Promise<string[]> {
  return writing(data, () => makePath(data.run));
}

/** Removes directories again, from the last to the first that something is in. */
export async function removeEmpty(directories: readonly string[]): Promise<void> {
  for (const path of directories.toReversed()) {
    try {
      await rmdir(path);
    } catch {
      return;
    }
  }
}

/** Writes into a data directory. @throws CliError when the system does not let us: no right, no room. */
export async function writing<T>(data: DataDirectory, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new CliError(
      `${shown(data.path)} cannot be written (${messageOf(error)}); choose another with --data`,
    );
  }
}

/**
 * Makes a directory and what is missing above it. Not `mkdir` with `recursive`: in Node 24 that
 * never returns for places like /proc, where a directory is there and nothing can be made in it.
 */
async function makePath(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let each = path; each !== dirname(each) && !(await isDirectory(each)); each = dirname(each))
    missing.unshift(each);
  for (const each of missing) await makeDirectory(each);
  return missing;
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Another start may have made it a moment ago.
    if (systemErrorCode(error) !== 'EEXIST' || !(await isDirectory(path))) throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

/** Removes what a cluster made, and the directory if nothing else is in it. Never anything of others. */
export async function wipe(data: DataDirectory): Promise<void> {
  await rm(data.controlSocket, { force: true });
  for (const path of [data.redis, data.state, data.logs, data.run])
    await rm(path, { recursive: true, force: true });
  const kubeconfigs = (await readdir(data.path)).filter((name) => isKubeconfig(name, data));
  for (const name of kubeconfigs) await rm(join(data.path, name), { force: true });
  // The mark goes last, so that an interrupted wipe can be taken up again.
  for (const path of [draftOf(data.clusterFile), data.clusterFile]) await rm(path, { force: true });
  try {
    await rmdir(data.path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOTEMPTY') throw error;
  }
}

/** A path as a user would type it: relative to the current directory when that is shorter. */
export function shown(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere !== '' && fromHere.length < path.length ? fromHere : path;
}
