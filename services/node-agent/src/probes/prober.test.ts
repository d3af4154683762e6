import { describe, expect, it } from 'vitest';
import type { Container as ContainerSpec, Probe } from '@orrery/api/gen/types.ts';
import {
  type HttpRequest,
  type HttpResponse,
  NetworkError,
  type NetworkErrorCode,
  type NetworkStack,
} from '../network/network.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { isolatedNetwork } from '../test-support/cluster-parts.ts';
import type { ExecIo, ExecSession, Signal } from '../process/process.ts';
import type { Container } from '../runtime/runtime.ts';
import { container } from '../test-support/objects.ts';
import { probeAction, type ProbeOutcome } from './prober.ts';

const POD_IP = '10.244.0.5';

const clock = new ManualClock();

interface Server {
  port: number;
  http?: (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;
  grpcHealth?: (service: string) => 'SERVING' | 'NOT_SERVING' | undefined;
}

/** A node's stack from which one pod can be reached, and a name that is the pod's. */
function nodeStack(...servers: Server[]): NetworkStack {
  const network = isolatedNetwork(() => '10.0.0.1', clock);
  const pod = network.attach({
    node: 'node-1',
    podUid: 'uid',
    ip: POD_IP,
    hostNetwork: false,
    hostname: 'web',
    dns: { nameservers: [], searches: [], options: [] },
    hostAliases: [],
  });
  for (const { port, http = () => ({ status: 404 }), ...rest } of servers)
    pod.listen(port, { http, ...rest });
  return network.nodeStack('node-1');
}

interface Exec {
  code?: number;
  output?: string;
  error?: string;
}

/** A runtime in which every command does the same, and the signals that it was sent. */
function runtime({ code = 0, output = '', error }: Exec, signals: Signal[] = []) {
  return {
    exec: (_id: string, _argv: readonly string[], io: ExecIo): ExecSession => {
      void io.stdout?.write(output);
      return {
        ended: error === undefined ? Promise.resolve(code) : Promise.reject(new Error(error)),
        signal: (signal) => void signals.push(signal),
        resize: () => undefined,
      };
    },
  };
}

function run(
  probe: Probe,
  stack: NetworkStack,
  { exec = {}, spec = {} }: { exec?: Exec; spec?: Partial<ContainerSpec> } = {},
): Promise<ProbeOutcome> {
  const target = {
    spec: container('web', spec),
    container: { id: 'c1' } as Container,
    podIp: POD_IP,
    stack,
  };
  return probeAction(runtime(exec), probe, target).run(new AbortController().signal);
}

describe('an exec probe', () => {
  const probe: Probe = { exec: { command: ['cat', '/tmp/healthy'] }, timeoutSeconds: 2 };

  it.each<[string, Exec, ProbeOutcome]>([
    ['succeeds on exit code 0', { code: 0, output: 'fine' }, { result: 'success' }],
    [
      'fails on another, and says what the command printed',
      { code: 1, output: "cat: can't open '/tmp/healthy': No such file or directory\n" },
      { result: 'failure', text: "cat: can't open '/tmp/healthy': No such file or directory\n" },
    ],
    [
      'finds nothing out when the command cannot be started',
      { error: 'OCI runtime exec failed: no such file' },
      {
        result: 'errored',
        text: 'rpc error: code = Unknown desc = failed to exec in container: OCI runtime exec failed: no such file',
      },
    ],
  ])('%s', async (_what, exec, outcome) => {
    expect(await run(probe, nodeStack(), { exec })).toEqual(outcome);
  });

  it('keeps the first ten kilobytes of the output', async () => {
    const outcome = await run(probe, nodeStack(), { exec: { code: 1, output: 'x'.repeat(100_000) } });
    expect(outcome).toEqual({ result: 'failure', text: 'x'.repeat(10_240) });
  });

  it('kills its command when its time is over', async () => {
    const signals: Signal[] = [];
    const target = {
      spec: container('web'),
      container: { id: 'c1' } as Container,
      podIp: POD_IP,
      stack: nodeStack(),
    };
    const action = probeAction(runtime({}, signals), probe, target);
    const abort = new AbortController();
    void action.run(abort.signal);
    abort.abort();
    expect(signals).toEqual(['SIGKILL']);
    expect(action.timedOut).toEqual({
      result: 'failure',
      text: 'command timed out: "cat /tmp/healthy" timed out after 2s',
    });
  });
});

describe('an http probe', () => {
  it.each<[number, ProbeOutcome]>([
    [199, { result: 'failure', text: 'HTTP probe failed with statuscode: 199' }],
    [200, { result: 'success' }],
    [299, { result: 'success' }],
    [304, { result: 'warning', text: 'Probe terminated redirects, Response body: gone' }],
    [399, { result: 'warning', text: 'Probe terminated redirects, Response body: gone' }],
    [400, { result: 'failure', text: 'HTTP probe failed with statuscode: 400' }],
    [503, { result: 'failure', text: 'HTTP probe failed with statuscode: 503' }],
  ])('takes a %i for what it is', async (status, outcome) => {
    const stack = nodeStack({ port: 80, http: () => ({ status, body: 'gone' }) });
    expect(await run({ httpGet: { port: 80 } }, stack)).toEqual(outcome);
  });

  it('asks with the path, query, host and headers that it is given, by the name of a port', async () => {
    const asked: HttpRequest[] = [];
    const stack = nodeStack({
      port: 8080,
      http: (request) => {
        asked.push(request);
        return { status: 200 };
      },
    });
    const httpGet = {
      port: 'web',
      path: 'healthz?full=1',
      scheme: 'HTTPS',
      httpHeaders: [
        { name: 'Host', value: 'example.com' },
        { name: 'X-Custom', value: 'Awesome' },
        { name: 'Accept', value: '' },
      ],
    };
    const outcome = await run({ httpGet }, stack, {
      spec: { ports: [{ name: 'web', containerPort: 8080 }] },
    });
    expect(outcome).toEqual({ result: 'success' });
    expect(asked[0]).toMatchObject({
      method: 'GET',
      target: '/healthz?full=1',
      headers: { host: 'example.com', 'x-custom': 'Awesome', 'user-agent': 'kube-probe/1.34' },
    });
    expect(asked[0]!.headers).not.toHaveProperty('accept');
  });

  it('has the address in the Host header', async () => {
    let host: string | undefined;
    const stack = nodeStack({
      port: 80,
      http: ({ headers }) => {
        ({ host } = headers);
        return { status: 200 };
      },
    });
    await run({ httpGet: { port: 80, path: '/' } }, stack);
    expect(host).toBe(`${POD_IP}:80`);
  });

  it.each<[NetworkErrorCode, string]>([
    ['ECONNREFUSED', 'dial tcp 10.9.9.9:80: connect: connection refused'],
    ['EHOSTUNREACH', 'dial tcp 10.9.9.9:80: connect: no route to host'],
    ['ETIMEDOUT', 'dial tcp 10.9.9.9:80: i/o timeout'],
    ['ECONNRESET', 'read tcp 10.0.0.1->10.9.9.9:80: read: connection reset by peer'],
    ['ENOTFOUND', 'dial tcp: lookup 10.9.9.9: no such host'],
  ])('fails on %s in the words of Go', async (code, text) => {
    const stack: NetworkStack = {
      ...nodeStack(),
      ip: '10.0.0.1',
      request: () => Promise.reject(new NetworkError(code)),
    };
    expect(await run({ httpGet: { port: 80, path: '/healthz', host: '10.9.9.9' } }, stack)).toEqual({
      result: 'failure',
      text: `Get "http://10.9.9.9:80/healthz": ${text}`,
    });
  });

  it('fails when nothing listens', async () => {
    expect(await run({ httpGet: { port: '8080', path: '/healthz' } }, nodeStack())).toEqual({
      result: 'failure',
      text: `Get "http://${POD_IP}:8080/healthz": dial tcp ${POD_IP}:8080: connect: connection refused`,
    });
  });

  it('finds nothing out when the port has no number', async () => {
    expect(await run({ httpGet: { port: 'http' } }, nodeStack())).toEqual({
      result: 'errored',
      text: 'strconv.Atoi: parsing "http": invalid syntax',
    });
  });

  it('follows redirects within the host, also to another port', async () => {
    const stack = nodeStack(
      { port: 80, http: () => ({ status: 302, headers: { location: `http://${POD_IP}:81/b` } }) },
      { port: 81, http: ({ target }) => ({ status: target === '/b' ? 204 : 500 }) },
    );
    expect(await run({ httpGet: { port: 80, path: '/a' } }, stack)).toEqual({ result: 'success' });
  });

  it('does not follow them elsewhere, and succeeds with a warning', async () => {
    const elsewhere = () => ({ status: 301, headers: { location: 'http://0.0.0.0/' }, body: 'Moved' });
    const stack = nodeStack({ port: 80, http: elsewhere });
    expect(await run({ httpGet: { port: 80 } }, stack)).toEqual({
      result: 'warning',
      text: 'Probe terminated redirects, Response body: Moved',
    });
  });

  it('gives up after ten', async () => {
    const circle = () => ({ status: 307, headers: { location: '/again' } });
    expect(await run({ httpGet: { port: 80 } }, nodeStack({ port: 80, http: circle }))).toEqual({
      result: 'failure',
      text: `Get "http://${POD_IP}/again": stopped after 10 redirects`,
    });
  });
});

describe('a tcp probe', () => {
  it('fails when nothing listens', async () => {
    expect(await run({ tcpSocket: { port: 6379 } }, nodeStack())).toEqual({
      result: 'failure',
      text: `dial tcp ${POD_IP}:6379: connect: connection refused`,
    });
  });

  it('succeeds when the port is open, and hangs up', async () => {
    let connection: Promise<unknown> | undefined;
    const network = isolatedNetwork(() => '10.0.0.1');
    const stack = network.nodeStack('node-1');
    stack.listen(6379, {
      accept: (duplex) => {
        connection = new Promise((resolve) => duplex.once('end', resolve));
        duplex.resume();
      },
    });
    expect(await run({ tcpSocket: { port: 6379, host: '10.0.0.1' } }, stack)).toEqual({ result: 'success' });
    await connection;
  });
});

describe('a grpc probe', () => {
  const health = (service: string): 'SERVING' | 'NOT_SERVING' | undefined =>
    service === '' ? 'SERVING' : service === 'db' ? 'NOT_SERVING' : undefined;
  const stack = nodeStack({ port: 5000, grpcHealth: health }, { port: 80 });

  it.each<[string, number, string | undefined, ProbeOutcome]>([
    ['serves', 5000, undefined, { result: 'success' }],
    [
      'does not serve',
      5000,
      'db',
      { result: 'failure', text: 'service unhealthy (responded with "NOT_SERVING")' },
    ],
    [
      'does not know the service',
      5000,
      'other',
      {
        result: 'failure',
        text: 'error: health rpc probe failed: rpc error: code = NotFound desc = unknown service',
      },
    ],
    [
      'knows nothing of health',
      80,
      undefined,
      {
        result: 'failure',
        text: 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health',
      },
    ],
  ])('of a server that %s', async (_what, port, service, outcome) => {
    const grpc = service === undefined ? { port } : { port, service };
    expect(await run({ grpc }, stack)).toEqual(outcome);
  });
});

describe('a probe of nothing', () => {
  it('finds nothing out', async () => {
    expect(await run({}, nodeStack())).toEqual({ result: 'errored', text: 'missing probe handler for web' });
  });
});
