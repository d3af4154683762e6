/** `registry.k8s.io/e2e-test-images/agnhost`: the subcommands that documentation and tests use. */

import { FileError } from '../../files/file-system.ts';
import {
  type HttpHandler,
  type HttpResponse,
  NetworkError,
  type PortService,
} from '../../network/network.ts';
import type { Process, Program } from '../process.ts';
import { firstOf, idles, serve } from './server.ts';

type Flags = ReadonlyMap<string, string>;
type Subcommand = (process: Process, flags: Flags, words: readonly string[]) => number | Promise<number>;

const IDLE = { cpuMilli: 1, memoryMiB: 8 };
const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
/** How long `liveness` is healthy. */
const HEALTHY_MS = 10_000;
const MAX_LOG_LINES = 1_000_000;

/** Flags as pflag takes them, those with a value after them included. */
function parseFlags(args: readonly string[]): { flags: Flags; words: string[] } {
  const flags = new Map<string, string>();
  const words: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const match = /^--?([\w-]+)(?:=([^]*))?$/.exec(args[index]!);
    if (match === null) words.push(args[index]!);
    else if (match[2] !== undefined) flags.set(match[1]!, match[2]);
    else if (args[index + 1] === undefined || args[index + 1]!.startsWith('-')) flags.set(match[1]!, 'true');
    else flags.set(match[1]!, args[(index += 1)]!);
  }
  return { flags, words };
}

function portOf(flags: Flags, name: string, usual: number): number {
  const port = Number(flags.get(name) ?? usual);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : usual;
}

function ok(body: string): HttpResponse {
  return { status: 200, headers: TEXT, body };
}

function seconds(text: string | null): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text ?? '');
  const unit = { ms: 0.001, s: 1, m: 60, h: 3_600 }[match?.[2] ?? 's'] ?? 1;
  return match === null ? 0 : Number(match[1]) * unit;
}

const netexec: Subcommand = async (process, flags) => {
  const port = portOf(flags, 'http-port', 8_080);
  /** The exit that /exit and /shutdown ask for. */
  const asked = Promise.withResolvers<number>();
  const http: HttpHandler = async (request) => {
    if (!URL.canParse(request.target, 'http://localhost')) return { status: 400 };
    const url = new URL(request.target, 'http://localhost');
    const query = url.searchParams;
    switch (url.pathname) {
      case '/':
      case '/now':
        return ok(`NOW: ${new Date(process.clock.now()).toISOString()}`);
      case '/hostname':
      case '/hostName':
        return ok(process.hostname);
      case '/healthz':
        return { status: 200 };
      case '/clientip':
        return ok(`${request.remoteAddress}:${32_768 + (request.remoteAddress.length % 1_000)}`);
      case '/echo':
        return { status: Number(query.get('code') ?? 200), headers: TEXT, body: query.get('msg') ?? '' };
      case '/header':
        return ok(request.headers[(query.get('key') ?? '').toLowerCase()] ?? '');
      case '/redirect':
        return {
          status: Number(query.get('code') ?? 302),
          headers: { location: query.get('location') ?? '/' },
        };
      case '/exit':
      case '/shutdown': {
        await process.clock.sleep(seconds(query.get('timeout')) * 1_000, process.killed);
        asked.resolve(Number(query.get('code') ?? 0) & 0xff);
        return { status: 200 };
      }
      default:
        return { status: 404, headers: TEXT, body: '404 page not found\n' };
    }
  };
  const served = serve(process, {
    ports: [[port, { http }]],
    stream: 'stderr',
    lines: [`Started HTTP server on port ${port}`],
    idle: IDLE,
  });
  return Promise.race([served, asked.promise]);
};

const liveness: Subcommand = (process) => {
  const http: HttpHandler = ({ target }) => {
    if (target.split('?', 1)[0] !== '/healthz') return { status: 404, body: '404 page not found\n' };
    const ranMs = process.clock.now() - process.startedAtMs;
    return ranMs <= HEALTHY_MS ? ok('ok') : { status: 500, body: `error: ${ranMs / 1_000}` };
  };
  return serve(process, { ports: [[8_080, { http }]], idle: IDLE });
};

const pause: Subcommand = async (process) => {
  await process.stdout.write('Paused\n');
  idles(process, IDLE);
  await firstOf(process, ['SIGTERM', 'SIGINT']);
  return 0;
};

const serveHostname: Subcommand = (process, flags) => {
  const port = portOf(flags, 'port', 9_376);
  const service: PortService = { http: () => ok(process.hostname) };
  return serve(process, {
    ports: [[port, service]],
    stream: 'stderr',
    lines: ['Serving on port ' + port],
    idle: IDLE,
  });
};

const testWebserver: Subcommand = (process, flags) => {
  const http: HttpHandler = ({ target }) => {
    try {
      return ok(Buffer.from(process.files.read(decodeURIComponent(target.split('?', 1)[0]!))).toString());
    } catch {
      return { status: 404, headers: TEXT, body: '404 page not found\n' };
    }
  };
  return serve(process, { ports: [[portOf(flags, 'port', 80), { http }]], idle: IDLE });
};

/** A server whose answers nobody reads. */
function plain(usual: number, line?: string): Subcommand {
  return (process, flags) =>
    serve(process, {
      ports: [[portOf(flags, 'port', usual), { http: () => ok('ok') }]],
      stream: 'stderr',
      lines: line === undefined ? [] : [line],
      idle: IDLE,
    });
}

const entrypointTester: Subcommand = async (process) => {
  await process.stdout.write(`[${process.argv.join(' ')}]\n`);
  return 0;
};

const logsGenerator: Subcommand = async (process, flags) => {
  const total = Math.min(Math.max(1, Number(flags.get('log-lines-total') ?? 1)), MAX_LOG_LINES);
  const everyMs = (seconds(flags.get('run-duration') ?? '1m') * 1_000) / total;
  const verbs = ['GET', 'POST', 'PUT'];
  for (let id = Number(process.progress.saved ?? 0); id < total && !process.killed.aborted; id += 1) {
    const at = new Date(process.clock.now()).toISOString();
    const stamp = `I${at.slice(5, 7)}${at.slice(8, 10)} ${at.slice(11, 23)}000`;
    const path = `/api/v1/namespaces/${id % 2 === 0 ? 'ns' : 'default'}/pods/${(id * 7_919).toString(36)}`;
    await process.stderr.write(
      `${stamp}       ${process.pid} logs_generator.go:76] ${id} ${verbs[id % 3]} ${path} ${200 + ((id * 37) % 400)}\n`,
    );
    process.progress.save(id + 1);
    await process.clock.sleep(everyMs, process.killed);
  }
  return 0;
};

/** Reports on mounted files, as the tests of volumes ask. */
const mounttest: Subcommand = async (process, flags) => {
  const { files, stdout } = process;
  const say = async (text: string): Promise<void> => stdout.write(text);
  const mode = (path: string): string => {
    const stat = files.stat(path);
    const letters = ['---', '--x', '-w-', '-wx', 'r--', 'r-x', 'rw-', 'rwx'];
    const digits = [6, 3, 0].map((shift) => letters[(stat.mode >> shift) & 7]).join('');
    return `${stat.type === 'directory' ? 'd' : '-'}${digits}`;
  };
  try {
    for (const [flag, path] of flags) {
      if (flag.startsWith('new_file_') || flag === 'rw_new_file') {
        const bits = flag === 'rw_new_file' ? 0o644 : Number.parseInt(flag.slice('new_file_'.length), 8);
        files.write(path, Buffer.from('mount-tester new file\n'), { mode: bits });
        if (flag === 'rw_new_file') await say(`content of file "${path}": mount-tester new file\n\n`);
      } else if (flag === 'fs_type') await say(`mount type of "${path}": tmpfs\n`);
      else if (flag === 'file_mode') await say(`mode of file "${path}": ${mode(path)}\n`);
      else if (flag === 'file_perm') await say(`perms of file "${path}": ${mode(path)}\n`);
      else if (flag === 'file_owner')
        await say(
          `owner UID of "${path}": ${files.stat(path).uid}\nowner GID of "${path}": ${files.stat(path).gid}\n`,
        );
      else if (flag === 'file_content')
        await say(`content of file "${path}": ${Buffer.from(files.read(path)).toString()}\n`);
      else if (flag === 'file_content_in_loop')
        return await repeat(process, path, Number(flags.get('retry_time') ?? 180));
    }
    return 0;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    await say(
      `error reading file content for "${error.path}": open ${error.path}: ${error.message.toLowerCase()}\n`,
    );
    return 1;
  }
};

async function repeat(
  { files, clock, killed, stdout }: Process,
  path: string,
  timeSeconds: number,
): Promise<number> {
  const untilMs = clock.now() + Math.min(Math.max(0, timeSeconds), 3_600) * 1_000;
  while (clock.now() < untilMs && !killed.aborted) {
    const content = files.exists(path) ? Buffer.from(files.read(path)).toString() : undefined;
    await stdout.write(
      content === undefined ? `Error reading file ${path}\n` : `content of file "${path}": ${content}\n`,
    );
    await clock.sleep(1_000, killed);
  }
  return 0;
}

const connect: Subcommand = async ({ network, stderr, killed }, flags, [target = '']) => {
  const at = target.lastIndexOf(':');
  try {
    const timeoutMs = (seconds(flags.get('timeout') ?? '30s') || 30) * 1_000;
    const connection = await network.connect(target.slice(0, at), Number(target.slice(at + 1)), {
      timeoutMs,
      signal: killed,
    });
    connection.on('error', () => undefined);
    connection.destroy();
    return 0;
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    const words: Record<string, string> = { ETIMEDOUT: 'TIMEOUT', ECONNREFUSED: 'REFUSED', ENOTFOUND: 'DNS' };
    await stderr.write(`${words[error.code] ?? `OTHER: ${error.message}`}\n`);
    return 1;
  }
};

/** Prints a file, or a part of it. */
function prints(path: string, part: (text: string) => string = (text) => text): Subcommand {
  return async ({ files, stdout }) => {
    await stdout.write(part(Buffer.from(files.read(path)).toString()));
    return 0;
  };
}

function ofResolver(keyword: string): (text: string) => string {
  return (text) => {
    const lines = text.split('\n').filter((line) => line.startsWith(`${keyword} `));
    return `${lines.flatMap((line) => line.split(/\s+/).slice(1)).join(',')}\n`;
  };
}

const grpcHealth: Subcommand = (process, flags) => {
  let health: 'SERVING' | 'NOT_SERVING' = 'SERVING';
  const delayMs = Number(flags.get('delay-unhealthy-sec') ?? -1) * 1_000;
  const now = (): typeof health =>
    delayMs >= 0 && process.clock.now() - process.startedAtMs > delayMs ? 'NOT_SERVING' : health;
  const control: HttpHandler = ({ target }) => {
    if (target === '/make-not-serving') health = 'NOT_SERVING';
    if (target === '/make-serving') health = 'SERVING';
    return { status: 200 };
  };
  const service = flags.get('service') ?? '';
  return serve(process, {
    ports: [
      [
        portOf(flags, 'port', 5_000),
        {
          accept: (connection) => connection.destroy(),
          grpcHealth: (name) => (name === service || name === '' ? now() : undefined),
        },
      ],
      [portOf(flags, 'http-port', 8_080), { http: control }],
    ],
    lines: ['Http server starting to listen on :8080', 'gRPC server starting to listen on :5000'],
    idle: IDLE,
  });
};

const SUBCOMMANDS: ReadonlyMap<string, Subcommand> = new Map([
  ['connect', connect],
  ['dns-server-list', prints('/etc/resolv.conf', ofResolver('nameserver'))],
  ['dns-suffix', prints('/etc/resolv.conf', ofResolver('search'))],
  ['entrypoint-tester', entrypointTester],
  ['etc-hosts', prints('/etc/hosts')],
  ['fake-gitserver', plain(8_000)],
  ['grpc-health-checking', grpcHealth],
  ['liveness', liveness],
  ['logs-generator', logsGenerator],
  ['mounttest', mounttest],
  ['netexec', netexec],
  ['no-snat-test', plain(8_080)],
  ['no-snat-test-proxy', plain(31_235)],
  ['pause', pause],
  ['serve-hostname', serveHostname],
  ['test-webserver', testWebserver],
]);

export const agnhost: Program = async (process) => {
  // The name of the subcommand comes before its flags.
  const name = process.argv[1] ?? '';
  const { flags, words } = parseFlags(process.argv.slice(2));
  const run = SUBCOMMANDS.get(name);
  if (run !== undefined) return run(process, flags, words);
  const isHelp = ['', 'help', '-h', '--help'].includes(name);
  const known = `Available Commands:\n${[...SUBCOMMANDS.keys()].map((each) => `  ${each}\n`).join('')}`;
  await process[isHelp ? 'stdout' : 'stderr'].write(
    isHelp ? known : `Error: unknown command "${name}" for "app"\n`,
  );
  return isHelp ? 0 : 1;
};

/** The server of the image `registry.k8s.io/liveness`, which is older than agnhost. */
export const livenessServer: Program = (process) => liveness(process, new Map(), []);
