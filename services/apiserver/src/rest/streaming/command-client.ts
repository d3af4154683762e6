/** The client's side of an exec or attach, whatever protocol it speaks. */

import type { ExecInput } from '@orrery/proto/orrery/node_agent.ts';
import type { Status } from '@orrery/api/status-error.ts';

/** Which streams there are. */
export interface CommandStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export type CommandInput = NonNullable<ExecInput['input']>;

export interface CommandClient {
  /** What is typed, and how the terminal changes; undefined when nothing more comes. */
  receive(): Promise<CommandInput | undefined>;
  /** A promise resolves when there is room for more. What is written to a client that has gone is lost. */
  write(stream: 'stdout' | 'stderr', data: Buffer): void | Promise<void>;
  /** Tells the outcome and ends the conversation. */
  finish(status: Status): void;
}

/** The outcome, without what only an HTTP answer has (k8s.io/apimachinery, remotecommand). */
export function statusText({ status, message, reason, details }: Status): string {
  return JSON.stringify({ metadata: {}, status, message, reason, details });
}

/** The size of a terminal from its JSON; undefined for anything else. */
export function resizeOf(json: string): CommandInput | undefined {
  let size: { Width?: unknown; Height?: unknown } | null;
  try {
    size = JSON.parse(json) as typeof size;
  } catch {
    return undefined;
  }
  const { Width: columns, Height: rows } = size ?? {};
  if (!isSize(columns) || !isSize(rows)) return undefined;
  return { $case: 'resize', resize: { columns, rows } };
}

/** Go's uint16. */
function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff;
}
