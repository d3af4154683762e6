/** The small web servers that tutorials are made of. */

import type { HttpHandler, HttpRequest } from '../../network/network.ts';
import type { Process, Program } from '../process.ts';
import type { ImageName } from './image-name.ts';
import { serve } from './server.ts';
import { accessLine } from './static-files.ts';
import { versionOf } from './version.ts';

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
const IDLE = { cpuMilli: 1, memoryMiB: 6 };

/** What one request of hpa-example costs: a loop over a million square roots, in milliseconds of a core. */
const HPA_EXAMPLE_CPU_MS = 20;

/** A port from the environment, or from a flag, or the usual one. */
function portOf({ env, argv }: Process, usual: number, variable = 'PORT', flag = '--port'): number {
  const at = argv.findIndex((arg) => arg === flag || arg === flag.slice(1));
  const said = argv.find((arg) => arg.startsWith(`${flag}=`) || arg.startsWith(`${flag.slice(1)}=`));
  const value = Number((at < 0 ? said?.split('=')[1] : argv[at + 1]) ?? env.get(variable) ?? usual);
  return Number.isInteger(value) && value > 0 && value < 65_536 ? value : usual;
}

function website(
  usual: number,
  lines: (port: number) => readonly string[],
  handler: (process: Process) => HttpHandler,
) {
  return (process: Process): Promise<number> => {
    const port = portOf(process, usual);
    return serve(process, { ports: [[port, { http: handler(process) }]], lines: lines(port), idle: IDLE });
  };
}

/** `gcr.io/google-samples/hello-app`, versions 1.0 and 2.0. */
export function helloApp(image: ImageName): Program {
  const version = versionOf(image, '1.0.0');
  return website(
    8_080,
    (port) => [`Server listening on port ${port}`],
    ({ hostname }) =>
      () => ({
        status: 200,
        headers: TEXT,
        body: `Hello, world!\nVersion: ${version}\nHostname: ${hostname}\n`,
      }),
  );
}

/** `node-hello`, `kubernetes-bootcamp` and their like: a line of text. */
export function bootcamp(image: ImageName): Program {
  const version = versionOf(image, '1').split('.')[0] ?? '1';
  return website(
    8_080,
    () => ['Kubernetes Bootcamp App Started At: the start of its container'],
    ({ hostname, stdout, clock }) =>
      async (request) => {
        await stdout.write(
          `Running On: ${hostname} | ${new Date(clock.now()).toISOString()} | ${request.method} ${request.target}\n`,
        );
        return {
          status: 200,
          headers: TEXT,
          body: `Hello Kubernetes bootcamp! | Running on: ${hostname} | v=${version}\n`,
        };
      },
  );
}

export function nodeHello(): Program {
  return website(
    8_080,
    () => [],
    () => () => ({ status: 200, headers: TEXT, body: 'Hello Kubernetes!' }),
  );
}

/** `gcr.io/google-samples/hello-go-gke`, the backend of "connect a frontend to a backend". */
export function helloGo(): Program {
  return website(
    80,
    () => [],
    () => () => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"message":"Hello"}\n',
    }),
  );
}

/** `registry.k8s.io/hpa-example`: burns processor for each request. */
export function hpaExample(): Program {
  return website(
    80,
    () => [],
    ({ usage, stdout, clock }) =>
      async (request) => {
        await usage.work(HPA_EXAMPLE_CPU_MS);
        const response = {
          status: 200,
          headers: { 'content-type': 'text/html; charset=UTF-8' },
          body: 'OK!',
        };
        await stdout.write(`${accessLine(request, response, clock.now())}\n`);
        return response;
      },
  );
}

/** Says what it was asked: `echoserver`, `echo-server`, `http-echo`. */
export function echoServer(usual: number): () => Program {
  return () =>
    website(
      usual,
      (port) => [`Echo server listening on port ${port}.`],
      ({ hostname }) =>
        (request) => ({ status: 200, headers: TEXT, body: echo(request, hostname) }),
    );
}

function echo({ method, target, headers, body, remoteAddress }: HttpRequest, hostname: string): string {
  const lines = Object.entries(headers).map(([name, value]) => `\t${name}=${value}`);
  return [
    '',
    `Hostname: ${hostname}`,
    '',
    'Request Information:',
    `\tclient_address=${remoteAddress}`,
    `\tmethod=${method}`,
    `\treal path=${target}`,
    '',
    'Request Headers:',
    ...lines,
    '',
    'Request Body:',
    body.length === 0 ? '\t-no body in request-' : Buffer.from(body).toString(),
    '',
    '',
  ].join('\n');
}

/** `hashicorp/http-echo -text=hello`. */
export function httpEcho(): Program {
  return (process) => {
    const { argv, env } = process;
    const value = (name: string): string | undefined => {
      const at = argv.findIndex((arg) => arg.replace(/^--?/, '').split('=')[0] === name);
      const arg = at < 0 ? undefined : argv[at]!;
      if (arg === undefined) return undefined;
      return arg.includes('=') ? arg.slice(arg.indexOf('=') + 1) : argv[at + 1];
    };
    const port = Number((value('listen') ?? ':5678').split(':').at(-1));
    const body = `${value('text') ?? env.get('ECHO_TEXT') ?? 'hello-world'}\n`;
    return serve(process, {
      ports: [
        [port > 0 && port < 65_536 ? port : 5_678, { http: () => ({ status: 200, headers: TEXT, body }) }],
      ],
      stream: 'stderr',
      lines: [`[INFO] server is listening on :${port}`],
      idle: IDLE,
    });
  };
}

/** Prints a text and ends: `hello-world`. */
export function prints(lines: readonly string[]): () => Program {
  return () => async (process) => {
    await process.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  };
}
