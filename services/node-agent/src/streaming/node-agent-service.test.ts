import { type ClientDuplexStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import type { Pod } from '@orrery/api/gen/types.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import {
  type ExecInput,
  type ExecOutput,
  type LogsRequest,
  NodeAgentClient,
} from '@orrery/proto/orrery/node_agent.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type GrpcServer, serveGrpc } from '../grpc-server.ts';
import { ContainerLogs, logIdOf } from '../logs/container-logs.ts';
import { LogMemory } from '../logs/log-storage.ts';
import type { ExecIo, ExecSession, Signal } from '../process/process.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { containerConfigFor, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { nodeAgentService } from './node-agent-service.ts';

const until = (what: () => boolean): Promise<boolean> => vi.waitUntil(what, { interval: 1, timeout: 3_000 });

/** A program under the control of the test. */
class FakeProgram implements ExecSession {
  readonly io: ExecIo;
  readonly signals: Signal[] = [];
  readonly sizes: string[] = [];
  readonly exit = Promise.withResolvers<number>();
  readonly ended = this.exit.promise;

  constructor(io: ExecIo) {
    this.io = io;
  }

  signal(signal: Signal): void {
    this.signals.push(signal);
  }

  resize(columns: number, rows: number): void {
    this.sizes.push(`${columns}x${rows}`);
  }
}

const clock = new ManualClock();
let server: GrpcServer;
let client: NodeAgentClient;
let pods: Map<string, Pod>;
let containers: Container[];
let programs: FakeProgram[];
let attached: { io: ExecIo; ended: PromiseWithResolvers<void>; detached: boolean }[];
let synced: boolean;
let logs: ContainerLogs;

const sandbox: PodSandbox = {
  ...sandboxConfigFor('uid-web', { name: 'web' }),
  id: 'sandbox',
  state: 'SANDBOX_READY',
  ip: '10.244.0.2',
  createdAtMs: 0,
};

beforeEach(async () => {
  pods = new Map();
  containers = [];
  programs = [];
  attached = [];
  synced = true;
  logs = new ContainerLogs({
    storage: new LogMemory(),
    clock,
    realClock: new ManualClock(),
    logger: silentLogger(),
    maxPartBytes: 100_000,
  });
  const service = nodeAgentService({
    pods: { get: (key) => pods.get(key), list: () => [], byIndex: () => [], size: 0 },
    synced: () => synced,
    hostsNode: (node) => node === 'node-1',
    logs,
    runtime: {
      listPodSandbox: ({ podUid }) => (podUid === sandbox.uid ? [sandbox] : []),
      podSandboxStatus: (id) => (id === sandbox.id ? sandbox : undefined),
      listContainers: () => containers,
      containerStatus: (id) => containers.find((each) => each.id === id),
      exec: (_id, argv, io) => {
        if (argv[0] === 'broken') throw new Error('container is not running');
        const program = new FakeProgram(io);
        programs.push(program);
        return program;
      },
      attach: (_id, io) => {
        const one = { io, ended: Promise.withResolvers<void>(), detached: false };
        attached.push(one);
        return {
          ended: one.ended.promise,
          resize: () => undefined,
          detach: () => {
            one.detached = true;
            one.ended.resolve();
          },
        };
      },
    },
  });
  server = await serveGrpc([service], { bind: '127.0.0.1', port: 0 });
  client = new NodeAgentClient(`127.0.0.1:${server.port}`, credentials.createInsecure());
  put({});
});
afterEach(() => {
  client.close();
  server.close();
});

function put(podStatus: object, node = 'node-1'): void {
  pods.set('default/web', {
    metadata: { name: 'web', namespace: 'default', uid: 'uid-web' },
    spec: { nodeName: node, containers: [{ name: 'c' }], initContainers: [{ name: 'i' }] },
    status: podStatus,
  } as unknown as Pod);
}

function runs(changes: Partial<Container> = {}): Container {
  const container: Container = {
    ...containerConfigFor('c'),
    id: `c-${changes.attempt ?? 0}`,
    podSandboxId: sandbox.id,
    imageRef: '',
    state: 'CONTAINER_RUNNING',
    createdAtMs: 1 + (changes.attempt ?? 0),
    startedAtMs: 1,
    ...changes,
  };
  containers.push(container);
  return container;
}

/** Everything that a call answers, and how it ended. */
class Conversation {
  readonly call: ClientDuplexStream<ExecInput, ExecOutput>;
  readonly outputs: NonNullable<ExecOutput['output']>[] = [];
  error: ServiceError | undefined;
  isOver = false;

  constructor(call: ClientDuplexStream<ExecInput, ExecOutput>, command: string[], flags: object = {}) {
    this.call = call;
    call.on('data', ({ output }: ExecOutput) => this.outputs.push(output!));
    call.on('error', (error: ServiceError) => (this.error = error));
    call.on('status', () => (this.isOver = true));
    const container = { namespace: 'default', pod: 'web', podUid: 'uid-web', container: 'c' };
    const wired = { stdin: true, stdout: true, stderr: true, tty: false, ...flags };
    this.send({ $case: 'start', start: { container, command, ...wired } });
  }

  send(input: NonNullable<ExecInput['input']>): void {
    this.call.write({ input });
  }

  text(stream: 'stdout' | 'stderr'): string {
    return this.outputs
      .map((output) => (output.$case === stream ? String((output as Record<string, unknown>)[stream]) : ''))
      .join('');
  }

  get end(): { exitCode: number; error: string } | undefined {
    const last = this.outputs.at(-1);
    return last?.$case === 'end' ? last.end : undefined;
  }
}

describe('exec', () => {
  it('wires a program to the caller, from the first message to the exit code', async () => {
    runs();
    const conversation = new Conversation(client.exec(), ['cat']);
    await until(() => programs.length === 1 && conversation.outputs.length === 1);
    expect(conversation.outputs[0]!.$case).toBe('started');
    const [program] = programs;
    conversation.send({ $case: 'stdin', stdin: Buffer.from('typed') });
    expect(String(await program!.io.stdin!.read())).toBe('typed');
    conversation.send({ $case: 'stdinEnd', stdinEnd: {} });
    expect(await program!.io.stdin!.read()).toBeUndefined();
    void program!.io.stdout!.write('out');
    void program!.io.stderr!.write('err');
    program!.exit.resolve(3);
    await until(() => conversation.isOver);
    expect(conversation.text('stdout')).toBe('out');
    expect(conversation.text('stderr')).toBe('err');
    expect(conversation.end).toEqual({ exitCode: 3, error: '' });
  });

  it('gives a terminal and its size to a program that asks for one', async () => {
    runs();
    const conversation = new Conversation(client.exec(), ['sh'], { tty: true });
    await until(() => programs.length === 1);
    expect(programs[0]!.io.terminal).toEqual({ columns: 80, rows: 24 });
    expect(programs[0]!.io.stderr).toBeUndefined();
    conversation.send({ $case: 'resize', resize: { columns: 100, rows: 30 } });
    await until(() => programs[0]!.sizes.length > 0);
    expect(programs[0]!.sizes).toEqual(['100x30']);
    conversation.call.cancel();
  });

  it('tells the words of the runtime when nothing could be started', async () => {
    runs();
    const conversation = new Conversation(client.exec(), ['nope']);
    await until(() => programs.length === 1);
    programs[0]!.exit.reject(new Error('no such program'));
    await until(() => conversation.isOver);
    expect(conversation.end!.error).toMatch(
      /^failed to exec in container: failed to start exec ".*": no such program$/,
    );
  });

  it('kills the program of a caller that goes', async () => {
    runs();
    const conversation = new Conversation(client.exec(), ['sleep']);
    await until(() => programs.length === 1);
    conversation.call.cancel();
    await until(() => programs[0]!.signals.length > 0);
    expect(programs[0]!.signals).toContain('SIGKILL');
    expect(await programs[0]!.io.stdin!.read()).toBeUndefined();
  });

  it('holds back a program that prints more than is read', async () => {
    runs();
    const call = client.exec();
    call.pause();
    const conversation = new Conversation(call, ['yes']);
    call.pause();
    await until(() => programs.length === 1);
    const { stdout } = programs[0]!.io;
    let written = 0;
    let waits: void | Promise<void>;
    do {
      waits = stdout!.write(Buffer.alloc(60_000));
      written += 60_000;
    } while (waits === undefined && written < 50_000_000);
    expect(written).toBeLessThan(5_000_000);
    // Nobody waits for a caller that has gone.
    conversation.call.cancel();
    await waits;
  });

  it.each([
    ['a container that does not run', () => undefined, status.INTERNAL, 'container not found ("c")'],
    [
      'one that has ended',
      () => runs({ state: 'CONTAINER_EXITED' }),
      status.INTERNAL,
      'container not found ("c")',
    ],
    ['a pod that is not here', () => put({}, 'node-7'), status.NOT_FOUND, 'pod "web" does not exist'],
    ['a pod of that name that is another', () => pods.clear(), status.NOT_FOUND, 'pod "web" does not exist'],
    ['pods that are not known yet', () => (synced = false), status.UNAVAILABLE, 'pods are not known yet'],
  ])('is refused for %s', async (_what, prepare, code, details) => {
    prepare();
    const conversation = new Conversation(client.exec(), ['ls']);
    await until(() => conversation.error !== undefined);
    expect(conversation.error).toMatchObject({ code, details });
  });

  it('of a container that ends just then is refused, and the agent goes on', async () => {
    runs();
    const conversation = new Conversation(client.exec(), ['broken']);
    await until(() => conversation.error !== undefined);
    expect(conversation.error!.details).toBe('container is not running');
  });
});

describe('attach', () => {
  it('shows what process 1 prints, and lets it go on when the caller goes', async () => {
    runs();
    const conversation = new Conversation(client.attach(), []);
    await until(() => attached.length === 1);
    void attached[0]!.io.stdout!.write('tick');
    await until(() => conversation.text('stdout') === 'tick');
    conversation.call.cancel();
    await until(() => attached[0]!.detached);
  });

  it('ends with the container', async () => {
    runs();
    const conversation = new Conversation(client.attach(), []);
    await until(() => attached.length === 1);
    attached[0]!.ended.resolve();
    await until(() => conversation.isOver);
    expect(conversation.end).toEqual({ exitCode: 0, error: '' });
  });

  it('is refused when the container does not run, in words of its own', async () => {
    runs({ state: 'CONTAINER_EXITED' });
    const conversation = new Conversation(client.attach(), []);
    await until(() => conversation.error !== undefined);
    expect(conversation.error).toMatchObject({
      code: status.INTERNAL,
      details: 'container c not found in pod web_default',
    });
  });
});

describe('logs', () => {
  let text = '';

  async function read(changes: Partial<LogsRequest> = {}): Promise<string> {
    const container = { namespace: 'default', pod: 'web', podUid: 'uid-web', container: 'c' };
    const request = {
      container,
      follow: false,
      previous: false,
      timestamps: false,
      stream: 'All',
      ...changes,
    };
    text = '';
    for await (const { data } of client.logs(request) as AsyncIterable<{ data: Buffer }>)
      text += data.toString();
    return text;
  }

  function print(container: Container, line: string): void {
    void logs.write(logIdOf(container, sandbox), 'stdout', Buffer.from(`${line}\n`));
  }

  const LAST_ENDED = { lastState: { terminated: { containerID: 'orrery://c-0' } } };

  it('are those of the last run', async () => {
    print(runs({ state: 'CONTAINER_EXITED' }), 'first');
    print(runs({ attempt: 1 }), 'second');
    expect(await read()).toBe('second\n');
    put({ containerStatuses: [{ name: 'c', ...LAST_ENDED }] });
    expect(await read({ previous: true })).toBe('first\n');
  });

  it('are those of the last run also while the next one waits', async () => {
    print(runs({ state: 'CONTAINER_EXITED' }), 'first');
    put({
      containerStatuses: [{ name: 'c', state: { waiting: { reason: 'CrashLoopBackOff' } }, ...LAST_ENDED }],
    });
    expect(await read()).toBe('first\n');
    expect(await read({ previous: true })).toBe('first\n');
  });

  it('are those of the last run that is kept, when the one that the status names is no more', async () => {
    put({ containerStatuses: [{ name: 'c', lastState: { terminated: { containerID: 'orrery://gone' } } }] });
    print(runs({ attempt: 7, state: 'CONTAINER_EXITED' }), 'eighth');
    print(runs({ attempt: 8 }), 'ninth');
    expect(await read({ previous: true })).toBe('eighth\n');
  });

  it('are followed until the container is over', async () => {
    const container = runs();
    print(container, 'one');
    const reading = read({ follow: true });
    await until(() => text === 'one\n');
    print(container, 'two');
    container.state = 'CONTAINER_EXITED';
    logs.end(logIdOf(container, sandbox));
    expect(await reading).toBe('one\ntwo\n');
  });

  it.each([
    ['ContainerCreating', 'container "c" in pod "web" is waiting to start: ContainerCreating'],
    ['PodInitializing', 'container "c" in pod "web" is waiting to start: PodInitializing'],
    ['ErrImagePull', `container "c" in pod "web" is waiting to start: image can't be pulled`],
    ['ImagePullBackOff', 'container "c" in pod "web" is waiting to start: trying and failing to pull image'],
  ])('of a container that waits: %s', async (reason, details) => {
    put({ containerStatuses: [{ name: 'c', state: { waiting: { reason } } }] });
    await expect(read()).rejects.toMatchObject({ code: status.FAILED_PRECONDITION, details });
  });

  it('that there are not are refused in the words of the kubelet', async () => {
    await expect(read()).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'container "c" in pod "web" is not available',
    });
    await expect(read({ previous: true })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'previous terminated container "c" in pod "web" not found',
    });
    const container = { namespace: 'default', pod: 'web', podUid: '', container: 'z' };
    await expect(read({ container })).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: 'container "z" not found in pod "web"',
    });
    put({ containerStatuses: [{ name: 'c', state: { terminated: { containerID: 'orrery://gone' } } }] });
    await expect(read()).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'unable to retrieve container logs for orrery://gone',
    });
  });
});
