/** Logs: the log of a container over a gRPC stream (pkg/kubelet/server.go, getContainerLogs). */

import type { ServerWritableStream } from '@grpc/grpc-js';
import type { LogsChunk, LogsRequest } from '@orrery/proto/orrery/node_agent.ts';
import type { ContainerLogs } from '../logs/container-logs.ts';
import { type LogReadOptions, readLog } from '../logs/log-reader.ts';
import type { ContainerLookup } from './container-lookup.ts';
import { MessageWriter } from './message-writer.ts';
import { asServiceError } from './refusal.ts';

type Call = ServerWritableStream<LogsRequest, LogsChunk>;

export async function serveLogs(lookup: ContainerLookup, logs: ContainerLogs, call: Call): Promise<void> {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  call.on('error', () => gone.abort());
  const writer = new MessageWriter<LogsChunk>(call);
  const { request } = call;
  try {
    const { id, isOver } = lookup.log(request.container!, request.previous);
    // The caller learns that there is a log before there is anything in it.
    await writer.write({ data: Buffer.alloc(0) });
    for await (const data of readLog(logs, id, isOver(), optionsOf(request), gone.signal))
      await writer.write({ data });
    call.end();
  } catch (error) {
    if (!gone.signal.aborted) call.emit('error', asServiceError(error));
  }
}

function optionsOf({
  follow,
  timestamps,
  tailLines,
  sinceMs,
  limitBytes,
  stream,
}: LogsRequest): LogReadOptions {
  return {
    follow,
    timestamps,
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    stream: stream === 'Stdout' || stream === 'Stderr' ? stream : 'All',
  };
}
