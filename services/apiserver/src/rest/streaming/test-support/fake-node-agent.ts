/** A node agent for tests of the streams into pods: it echoes what is typed, and does as commands say. */

import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import {
  type DialInput,
  type DialOutput,
  type ExecInput,
  type ExecOutput,
  type ExecStart,
  type LogsChunk,
  type LogsRequest,
  NodeAgentService,
  PodNetworkService,
} from '@orrery/proto/orrery/node_agent.ts';

type ExecCall = ServerDuplexStream<ExecInput, ExecOutput>;
type DialCall = ServerDuplexStream<DialInput, DialOutput>;
type LogsCall = ServerWritableStream<LogsRequest, LogsChunk>;

export interface Refused {
  code: status;
  details: string;
}

export class FakeNodeAgent {
  readonly #server = new Server();
  address = '';
  /** What is answered instead of anything else. */
  refusal: Refused | undefined;
  readonly starts: ExecStart[] = [];
  readonly sizes: string[] = [];
  readonly logRequests: LogsRequest[] = [];
  /** Calls that have not ended. */
  open = 0;
  /** What a log consists of. */
  log: string[] = ['one\n', 'two\n'];
  /** Chunks that have been handed to gRPC, of a log or command without end. */
  produced = 0;

  async start(): Promise<void> {
    this.#server.addService(NodeAgentService, {
      logs: (call: LogsCall) => this.#logs(call),
      exec: (call: ExecCall) => this.#exec(call),
      attach: (call: ExecCall) => this.#exec(call),
    });
    this.#server.addService(PodNetworkService, { dial: (call: DialCall) => this.#dial(call) });
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.address = `127.0.0.1:${port}`;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #count(call: ExecCall | DialCall | LogsCall): void {
    this.open += 1;
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      this.open -= 1;
    };
    for (const event of ['cancelled', 'finish', 'close', 'error']) call.on(event, over);
  }

  #refuse(call: ExecCall | DialCall | LogsCall): boolean {
    if (this.refusal === undefined) return false;
    call.emit('error', this.refusal);
    return true;
  }

  #logs(call: LogsCall): void {
    this.#count(call);
    this.logRequests.push(call.request);
    if (this.#refuse(call)) return;
    call.write({ data: Buffer.alloc(0) });
    for (const each of this.log) call.write({ data: Buffer.from(each) });
    if (call.request.follow) this.#flood(call, (data) => ({ data }));
    else call.end();
  }

  /** Writes for ever, at the pace of the reader. */
  #flood<T>(
    call: { write(message: T): boolean; once(event: string, go: () => void): unknown; cancelled: boolean },
    wrap: (data: Buffer) => T,
  ): void {
    const block = Buffer.alloc(32 * 1024, 'y\n');
    const go = (): void => {
      let hasRoom = true;
      while (hasRoom && !call.cancelled) {
        this.produced += 1;
        hasRoom = call.write(wrap(block));
      }
      if (!call.cancelled) call.once('drain', go);
    };
    go();
  }

  #exec(call: ExecCall): void {
    this.#count(call);
    call.on('data', ({ input }: ExecInput) => {
      if (input?.$case === 'start') this.#begin(call, input.start);
      else if (input?.$case === 'stdin') call.write({ output: { $case: 'stdout', stdout: input.stdin } });
      else if (input?.$case === 'stdinEnd') end(call, 0);
      else if (input?.$case === 'resize') this.sizes.push(`${input.resize.columns}x${input.resize.rows}`);
    });
  }

  #begin(call: ExecCall, start: ExecStart): void {
    this.starts.push(start);
    if (this.#refuse(call)) return;
    call.write({ output: { $case: 'started', started: {} } });
    const [program = '', argument = ''] = start.command;
    switch (program) {
      case 'exit':
        call.write({ output: { $case: 'stderr', stderr: Buffer.from('bad\n') } });
        end(call, Number(argument));
        break;
      case 'missing':
        end(call, 0, 'failed to start exec');
        break;
      case 'yes':
        this.#flood(call, (stdout): ExecOutput => ({ output: { $case: 'stdout', stdout } }));
        break;
      case 'echo':
        call.write({ output: { $case: 'stdout', stdout: Buffer.from(`${argument}\n`) } });
        end(call, 0);
        break;
    }
  }

  /** Port 81 refuses; others answer in capitals. */
  #dial(call: DialCall): void {
    this.#count(call);
    call.on('data', ({ input }: DialInput) => {
      if (input?.$case === 'open' && input.open.port === 81) {
        call.emit('error', { code: status.FAILED_PRECONDITION, details: 'connection refused' });
      } else if (input?.$case === 'open') {
        call.write({ data: Buffer.alloc(0) });
      } else if (input?.$case === 'data') {
        call.write({ data: Buffer.from(input.data.toString().toUpperCase()) });
      }
    });
    call.on('end', () => call.end());
  }
}

function end(call: ExecCall, exitCode: number, error = ''): void {
  call.write({ output: { $case: 'end', end: { exitCode, error } } });
  call.end();
}
