/** nginx: serves the files of the container on port 80. */

import { FileError } from '../../files/file-system.ts';
import type { HttpHandler } from '../../network/network.ts';
import type { Process, Program, Signal } from '../process.ts';
import type { ImageName } from './image-name.ts';
import { serve } from './server.ts';
import { accessLine, serveFile, type StaticSite } from './static-files.ts';
import { versionOf } from './version.ts';

const DEFAULT_ROOT = '/usr/share/nginx/html';
const CONFIG = '/etc/nginx/conf.d/default.conf';
const NEWEST = '1.29.1';

/** What of the first server block is understood: on which ports it listens, and what it serves. */
interface ServerBlock {
  ports: number[];
  root: string;
  /** `return` of the block: everything is answered so. */
  answer?: { status: number; body: string };
}

/** Reads a configuration as far as it is understood; what is not is left out. */
export function readConfig(text: string): ServerBlock {
  const plain = text.replaceAll(/#[^\n]*/g, '');
  const ports = [...plain.matchAll(/\blisten\s+(?:[\w.*]+:)?(\d{1,5})\b/g)].map((match) => Number(match[1]));
  const root = /\broot\s+([^\s;]+)\s*;/.exec(plain)?.[1] ?? DEFAULT_ROOT;
  const answer = /\breturn\s+(\d{3})(?:\s+(?:"([^"]*)"|'([^']*)'|([^\s;]+)))?\s*;/.exec(plain);
  return {
    ports:
      ports.length === 0
        ? [80]
        : [...new Set(ports.filter((port) => port > 0 && port < 65_536))].slice(0, 16),
    root: root.length > 1 ? root.replace(/\/+$/, '') : '',
    ...(answer === null
      ? {}
      : {
          answer: {
            status: Number(answer[1]),
            body: (answer[2] ?? answer[3] ?? answer[4] ?? '').replaceAll(String.raw`\n`, '\n'),
          },
        }),
  };
}

function configOf({ files }: Process): ServerBlock {
  try {
    return readConfig(Buffer.from(files.read(CONFIG)).toString());
  } catch (error) {
    if (error instanceof FileError) return readConfig('');
    throw error;
  }
}

function stamp(atMs: number): string {
  return new Date(atMs).toISOString().replace('T', ' ').replaceAll('-', '/').slice(0, 19);
}

/** The signals of `nginx -s`. */
const SIGNALS = new Map<string, Signal>([
  ['stop', 'SIGTERM'],
  ['quit', 'SIGQUIT'],
  ['reload', 'SIGHUP'],
  ['reopen', 'SIGUSR1'],
]);

async function command(process: Process, version: string): Promise<number | undefined> {
  const { argv, stderr } = process;
  if (argv.includes('-v') || argv.includes('-V')) {
    await stderr.write(`nginx version: nginx/${version}\n`);
    return 0;
  }
  if (argv.includes('-t')) {
    await stderr.write(
      'nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\nnginx: configuration file /etc/nginx/nginx.conf test is successful\n',
    );
    return 0;
  }
  const at = argv.indexOf('-s');
  if (at < 0) return undefined;
  const signal = SIGNALS.get(argv[at + 1] ?? '');
  if (signal === undefined) {
    await stderr.write(`nginx: invalid option: "-s ${argv[at + 1] ?? ''}"\n`);
    return 1;
  }
  const master = process
    .processes()
    .find(({ pid, argv: [name = ''] }) => pid !== process.pid && /(?:^|\/)nginx$/.test(name));
  if (master !== undefined && process.kill(master.pid, signal)) return 0;
  await stderr.write('nginx: [error] invalid PID number "" in "/run/nginx.pid"\n');
  return 1;
}

/** The image's /docker-entrypoint.sh does nothing that others see but to start what follows it. */
export function nginx(image: ImageName): Program {
  const version = versionOf(image, NEWEST);
  const site: StaticSite = {
    root: DEFAULT_ROOT,
    server: `nginx/${version}`,
    errorPage: (status, reason) =>
      `<html>\r\n<head><title>${status} ${reason}</title></head>\r\n<body>\r\n<center><h1>${status} ${reason}</h1></center>\r\n<hr><center>nginx/${version}</center>\r\n</body>\r\n</html>\r\n`,
  };
  return async (process) => {
    const done = await command(process, version);
    if (done !== undefined) return done;
    const { clock, pid, stderr } = process;
    const notice = (text: string): string => `${stamp(clock.now())} [notice] ${pid}#${pid}: ${text}`;
    let server = configOf(process);
    process.onSignal('SIGHUP', () => {
      server = configOf(process);
      void stderr.write(
        `${notice('signal 1 (SIGHUP) received, reconfiguring')}\n${notice('reconfiguring')}\n`,
      );
    });
    const http: HttpHandler = async (request) => {
      const { answer, root } = server;
      const response =
        answer === undefined
          ? serveFile(process.files, { ...site, root }, request)
          : {
              status: answer.status,
              headers: { server: site.server, 'content-type': 'text/plain' },
              body: answer.body,
            };
      await process.stdout.write(`${accessLine(request, response, clock.now())}\n`);
      return response;
    };
    return serve(process, {
      ports: server.ports.map((port) => [port, { http }]),
      stream: 'stderr',
      lines: [
        notice(`nginx/${version}`),
        notice('start worker processes'),
        notice(`start worker process ${pid + 1}`),
      ],
      farewell: (signal) => [
        notice(signal === 'SIGQUIT' ? 'gracefully shutting down' : `signal 15 (${signal}) received, exiting`),
        notice('exit'),
      ],
      idle: { cpuMilli: 1, memoryMiB: 4 },
      portTaken: (port, reason) =>
        `${stamp(clock.now())} [emerg] ${pid}#${pid}: bind() to 0.0.0.0:${port} failed (98: ${reason[0]?.toUpperCase()}${reason.slice(1)})`,
    });
  };
}
