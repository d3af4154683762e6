/** Exec and Attach: programs of a container over a gRPC stream (pkg/kubelet/server.go, getExec and getAttach). */

import type { ServerDuplexStream } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { randomId } from '@orrery/kit/random.ts';
import type { ExecEnd, ExecInput, ExecOutput, ExecStart } from '@orrery/proto/orrery/node_agent.ts';
import type { ByteSink, ExecIo } from '../process/process.ts';
import type { RuntimeService } from '../runtime/runtime.ts';
import type { ContainerLookup } from './container-lookup.ts';
import { MessageWriter } from './message-writer.ts';
import { asServiceError, Refusal } from './refusal.ts';
import { StdinSource } from './stdin-source.ts';

type Call = ServerDuplexStream<ExecInput, ExecOutput>;

/** What is wired to the client, and how it goes. */
interface Session {
  readonly ended: Promise<ExecEnd>;
  resize(columns: number, rows: number): void;
  /** The client has gone. */
  abandon(): void;
}

/** Starts what the first message asks for. @throws Refusal */
export type Begin = (start: ExecStart, io: ExecIo) => Session;

/** What a terminal has until the client says otherwise. */
const TERMINAL = { columns: 80, rows: 24 } as const;

/** The most that one message carries. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** Runs a program beside process 1. */
export function execIn(lookup: ContainerLookup, runtime: Pick<RuntimeService, 'exec'>): Begin {
  return ({ container, command }, io) => {
    const { id } = lookup.running(container!);
    const session = runtime.exec(id, command, io);
    return {
      ended: session.ended.then(
        (exitCode) => ({ exitCode, error: '' }),
        (error: Error) => ({
          exitCode: 0,
          error: `failed to exec in container: failed to start exec "${randomId()}": ${error.message}`,
        }),
      ),
      resize: (columns, rows) => session.resize(columns, rows),
      abandon: () => session.signal('SIGKILL'),
    };
  };
}

/** Watches process 1 and types to it. It goes on when the client goes. */
export function attachTo(lookup: ContainerLookup, runtime: Pick<RuntimeService, 'attach'>): Begin {
  return ({ container }, io) => {
    const { id } = lookup.attachable(container!);
    const attachment = runtime.attach(id, io);
    return {
      ended: attachment.ended.then(() => ({ exitCode: 0, error: '' })),
      resize: (columns, rows) => attachment.resize(columns, rows),
      abandon: () => attachment.detach(),
    };
  };
}

/** Serves one call from its first message to its end, whichever side brings it about. */
export function serveRemoteCommand(call: Call, begin: Begin): void {
  const writer = new MessageWriter<ExecOutput>(call);
  const stdin = new StdinSource({ hold: () => call.pause(), release: () => call.resume() });
  let session: Session | undefined;
  const start = (message: ExecStart): void => {
    try {
      if (message.container === undefined) throw new Refusal(status.INVALID_ARGUMENT, 'no container');
      session = begin(message, ioOf(message, stdin, writer));
    } catch (error) {
      call.emit('error', asServiceError(error));
      return;
    }
    void writer.write({ output: { $case: 'started', started: {} } });
    void session.ended.then((end) => {
      void writer.write({ output: { $case: 'end', end } });
      stdin.end();
      // What the client still types has no reader; it must be taken for the call to end.
      call.resume();
      call.end();
    });
  };
  call.on('data', ({ input }: ExecInput) => {
    if (input?.$case === 'start' && session === undefined) start(input.start);
    else if (input?.$case === 'stdin') stdin.push(input.stdin);
    else if (input?.$case === 'stdinEnd') stdin.end();
    else if (input?.$case === 'resize') session?.resize(input.resize.columns, input.resize.rows);
  });
  const leave = (): void => {
    stdin.end();
    session?.abandon();
  };
  call.on('end', () => stdin.end());
  call.on('cancelled', leave);
  call.on('error', leave);
}

function ioOf(start: ExecStart, stdin: StdinSource, writer: MessageWriter<ExecOutput>): ExecIo {
  const { stdin: types, stdout, stderr, tty } = start;
  return {
    ...(types ? { stdin } : {}),
    ...(stdout
      ? { stdout: sink((data) => writer.write({ output: { $case: 'stdout', stdout: data } })) }
      : {}),
    ...(stderr && !tty
      ? { stderr: sink((data) => writer.write({ output: { $case: 'stderr', stderr: data } })) }
      : {}),
    ...(tty ? { terminal: TERMINAL } : {}),
  };
}

/** Cuts what is written into messages. Only the last tells whether there is room: they go out in order. */
function sink(send: (data: Buffer) => void | Promise<void>): ByteSink {
  return {
    write: (data) => {
      // A copy: the program may use its buffer again before it is sent.
      const bytes = Buffer.from(data);
      let sent: void | Promise<void> = undefined;
      for (let from = 0; from < bytes.length; from += MAX_MESSAGE_BYTES)
        sent = send(bytes.subarray(from, from + MAX_MESSAGE_BYTES));
      return sent;
    },
  };
}
