/**
 * Which program a container or an exec runs. The first that applies: the behaviour that the pod
 * is annotated with, the command, the image. An image that nobody knows, or a command of such an
 * image that nobody knows, runs until it is stopped. docs/containers.md says all of it.
 */

import { FileError, type FileSystem } from '../files/file-system.ts';
import type { ContainerConfig } from '../runtime/runtime.ts';
import { commandNames, loadCommand } from './commands/index.ts';
import { type KnownImage, knownImage } from './images/catalog.ts';
import { imageRepository } from './images/image-name.ts';
import type { CommandSet, ImageProfile } from './images/profile.ts';
import type { Exit, Program } from './process.ts';

/** What to do with a container that starts. */
export type Launch =
  | { kind: 'program'; program: Program; argv: readonly string[] }
  /** Nothing is known to run in it: until it is stopped, or at once to success (an init container). */
  | { kind: 'nothing' }
  /** It sleeps until it is stopped. */
  | { kind: 'sleep' }
  | { kind: 'failure'; exit: Exit };

/** What of a container decides which programs it has. */
export type ProgramScope = Pick<ContainerConfig, 'image'>;

const NOTHING: Launch = { kind: 'nothing' };
const SLEEP: Launch = { kind: 'sleep' };

/** Where commands lie; a path elsewhere is not that command. */
const COMMAND_PATH = /^(?:(?:\/usr(?:\/local)?)?\/s?bin\/)?([^/]+)$/;

/** Commands that Alpine and busybox do not have. */
const NOT_IN_BUSYBOX: ReadonlySet<string> = new Set([
  'apt',
  'apt-get',
  'bash',
  'curl',
  'dig',
  'dnf',
  'gawk',
  'getent',
  'host',
  'mawk',
  'microdnf',
  'nano',
  'ncat',
  'perl',
  'pip',
  'pip3',
  'python',
  'python3',
  'ss',
  'stress',
  'stress-ng',
  'tree',
  'vim',
  'yum',
]);

/** Scripts of images that end by becoming the command that follows them. */
const WRAPPERS: ReadonlySet<string> = new Set([
  'docker-entrypoint.sh',
  'docker-php-entrypoint',
  'entrypoint.sh',
]);

/** How far `#!` is read, and how often one script may name another (the kernel's BINPRM limits). */
const SHEBANG_LENGTH = 256;
const MAX_INTERPRETERS = 4;

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The names of all commands that a set has. */
export function commandsOf(set: CommandSet): readonly string[] {
  if (set === 'none') return [];
  const names = [...commandNames];
  return set === 'all' ? names : names.filter((name) => !NOT_IN_BUSYBOX.has(name));
}

function hasCommand(set: CommandSet, name: string): boolean {
  return set !== 'none' && commandNames.has(name) && (set === 'all' || !NOT_IN_BUSYBOX.has(name));
}

/** The program of that name or path that comes with the image; undefined when there is none. */
function ofImage(known: KnownImage | undefined, argv0: string): Promise<Program> | undefined {
  const programs = known?.profile.programs;
  const name = baseName(argv0);
  if (known !== undefined && programs !== undefined && Object.hasOwn(programs, name))
    return programs[name]!(known.name);
  const command = COMMAND_PATH.exec(argv0)?.[1];
  const set = known?.profile.commands ?? 'all';
  return command !== undefined && hasCommand(set, command) ? loadCommand(command) : undefined;
}

/** Why a file cannot be executed, in Go's words (os/exec.LookPath, execve). */
function whyNot(argv0: string, files: () => FileSystem): string {
  if (!argv0.includes('/')) return 'executable file not found in $PATH';
  try {
    const { type, mode } = files().stat(argv0);
    if (type === 'directory') return 'is a directory';
    return (mode & 0o111) === 0 ? 'permission denied' : 'exec format error';
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return error.code === 'EACCES' ? 'permission denied' : `stat ${argv0}: no such file or directory`;
  }
}

/** The words of a `#!` line: the interpreter and at most one argument. Undefined when the file is no script. */
function interpreterOf(path: string, files: FileSystem): string[] | undefined {
  try {
    const { type, mode } = files.stat(path);
    if (type !== 'file' || (mode & 0o111) === 0) return undefined;
    const head = Buffer.from(files.read(path).subarray(0, SHEBANG_LENGTH)).toString('latin1');
    const match = /^#![ \t]*([^\s]+)[ \t]*([^\n]*?)[ \t]*(?:\n|$)/.exec(head);
    if (match === null) return undefined;
    const [, interpreter = '', argument = ''] = match;
    return argument === '' ? [interpreter] : [interpreter, argument];
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}

/** A script by its interpreter. `env` is looked through: everybody writes `#!/usr/bin/env bash`. */
async function ofScript(
  known: KnownImage | undefined,
  path: string,
  files: FileSystem,
  depth = 1,
): Promise<{ program: Program; before: readonly string[] } | undefined> {
  const words = interpreterOf(path, files);
  if (words === undefined || depth > MAX_INTERPRETERS) return undefined;
  const [interpreter = '', argument] = words;
  const isEnv = baseName(interpreter) === 'env' && argument !== undefined;
  const before = isEnv ? argument.split(/[ \t]+/) : words;
  const program = await ofImage(known, before[0]!);
  if (program !== undefined) return { program, before };
  const other = await ofScript(known, before[0]!, files, depth + 1);
  return other === undefined ? undefined : { program: other.program, before: [...other.before, ...before] };
}

/**
 * The program of that name or path, as an exec or a shell finds it: the image's own, a command,
 * or a script among the files. Undefined when there is none. Loaded when it is first asked for.
 */
export function findProgram(
  { image }: ProgramScope,
  argv0: string,
  files: () => FileSystem,
): Promise<Program | undefined> | undefined {
  const known = knownImage(image);
  const own = ofImage(known, argv0);
  if (own !== undefined || !argv0.includes('/')) return own;
  return ofScript(known, argv0, files()).then((script) => {
    if (script === undefined) return undefined;
    const { program, before } = script;
    return (process) => process.exec([...before, argv0, ...process.argv.slice(1)], program);
  });
}

/** What runc says of a command that an exec does not find. */
export function execFailure(argv0: string, files: () => FileSystem): string {
  return `OCI runtime exec failed: exec failed: unable to start container process: exec: "${argv0}": ${whyNot(argv0, files)}: unknown`;
}

function startFailure(why: string): Launch {
  const message = `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ${why}: unknown`;
  return { kind: 'failure', exit: { exitCode: 128, reason: 'StartError', message } };
}

/**
 * Command and arguments by Docker's rules: a command of the pod replaces the entrypoint and drops
 * the image's arguments; arguments alone replace only those.
 */
export function argvOf(
  { command, args }: Pick<ContainerConfig, 'command' | 'args'>,
  { entrypoint = [], cmd = [] }: Pick<ImageProfile, 'entrypoint' | 'cmd'>,
): readonly string[] {
  const argv =
    command.length > 0 ? [...command, ...args] : [...entrypoint, ...(args.length > 0 ? args : cmd)];
  if (!WRAPPERS.has(baseName(argv[0] ?? ''))) return argv;
  // These scripts take flags alone for those of the image's command.
  const rest = argv.slice(1);
  return rest.length === 0 || rest[0]!.startsWith('-') ? [...cmd.slice(0, 1), ...rest] : rest;
}

/** What `ps` shows for process 1 of a container in which nothing is simulated. */
export function idleArgv({ command, args, image }: Pick<ContainerConfig, 'command' | 'args' | 'image'>) {
  const unknown = { entrypoint: [`/${baseName(imageRepository(image))}`] };
  return argvOf({ command, args }, knownImage(image)?.profile ?? unknown);
}

/** Synchronous for all that has no program to load, so that ten thousand of them cost nothing. */
export function launch(config: ContainerConfig, files: () => FileSystem): Launch | Promise<Launch> {
  if (config.behavior !== undefined) return launchBehavior(config);
  const known = knownImage(config.image);
  if (known === undefined) return config.command.length === 0 ? NOTHING : launchUnknown(config, files);
  const { profile } = known;
  const argv = argvOf(config, profile);
  const [argv0] = argv;
  if (argv0 === undefined) return startFailure('no command specified');
  if (profile.sleeps === true && argv0 === profile.entrypoint?.[0]) return SLEEP;
  return launchKnown(known, argv, files);
}

async function launchBehavior(config: ContainerConfig): Promise<Launch> {
  const { behave } = await import('./behavior/behave.ts');
  return { kind: 'program', program: behave(config), argv: [config.name] };
}

/** A command that nobody knows may well be in an image that nobody knows. */
async function launchUnknown(config: ContainerConfig, files: () => FileSystem): Promise<Launch> {
  const argv = [...config.command, ...config.args];
  const program = await ofImage(undefined, argv[0]!);
  if (program !== undefined) return { kind: 'program', program, argv };
  const script = argv[0]!.includes('/') ? await ofScript(undefined, argv[0]!, files()) : undefined;
  return script === undefined
    ? NOTHING
    : { kind: 'program', program: script.program, argv: [...script.before, ...argv] };
}

async function launchKnown(
  known: KnownImage,
  argv: readonly string[],
  files: () => FileSystem,
): Promise<Launch> {
  const argv0 = argv[0]!;
  const program = await ofImage(known, argv0);
  if (program !== undefined) return { kind: 'program', program, argv };
  const script = argv0.includes('/') ? await ofScript(known, argv0, files()) : undefined;
  if (script !== undefined)
    return { kind: 'program', program: script.program, argv: [...script.before, ...argv] };
  return startFailure(`exec: "${argv0}": ${whyNot(argv0, files)}`);
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The variables of a process that starts: the image's, then the pod's (containerd's WithEnv). */
export function environmentOf({ image, env, tty }: ContainerConfig, hostname: string): Map<string, string> {
  const known = knownImage(image);
  const variables = new Map([
    ['PATH', PATH],
    ['HOSTNAME', hostname],
    ...(tty ? [['TERM', 'xterm'] as const] : []),
    ...Object.entries(known?.profile.env ?? {}),
    ...env,
  ]);
  if (!variables.has('HOME')) variables.set('HOME', '/root');
  return variables;
}

export function workingDirOf({ image, workingDir }: Pick<ContainerConfig, 'image' | 'workingDir'>): string {
  return workingDir === '' ? (knownImage(image)?.profile.workingDir ?? '/') : workingDir;
}
