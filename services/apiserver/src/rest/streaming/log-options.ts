/** What a request for a log asks for (ValidatePodLogOptions, pkg/apis/core/validation). */

import { badRequest, type FieldError, field, invalid } from '@orrery/api/status-error.ts';
import type { LogsRequest } from '@orrery/proto/orrery/node_agent.ts';
import { flag, integer, text } from '../query.ts';

export type LogOptions = Omit<LogsRequest, 'container'>;

const STREAMS = ['All', 'Stderr', 'Stdout'];

const NOT_POSITIVE = 'must be greater than 0';

/**
 * `nowMs` is the cluster's time, from which `sinceSeconds` counts.
 * @throws StatusError 400 for what cannot be read, 422 for what makes no sense.
 */
export function logOptions(query: URLSearchParams, pod: string, nowMs: number): LogOptions {
  const tailLines = integer(query, 'tailLines');
  const limitBytes = integer(query, 'limitBytes');
  const sinceSeconds = integer(query, 'sinceSeconds');
  const sinceTimeMs = time(query, 'sinceTime');
  const stream = text(query, 'stream') ?? 'All';
  const errors: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0)
    errors.push(field.invalid('tailLines', tailLines, 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1)
    errors.push(field.invalid('limitBytes', limitBytes, NOT_POSITIVE));
  if (sinceSeconds !== undefined && sinceTimeMs !== undefined)
    errors.push(field.forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && sinceSeconds < 1)
    errors.push(field.invalid('sinceSeconds', sinceSeconds, NOT_POSITIVE));
  if (!STREAMS.includes(stream)) errors.push(field.notSupported('stream', stream, STREAMS));
  else if (stream !== 'All' && tailLines !== undefined)
    errors.push(field.forbidden('', '`tailLines` and specific `stream` are mutually exclusive for now'));
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions', name: pod }, errors);
  const sinceMs = sinceSeconds === undefined ? sinceTimeMs : nowMs - sinceSeconds * 1_000;
  return {
    follow: flag(query, 'follow') === true,
    previous: flag(query, 'previous') === true,
    timestamps: flag(query, 'timestamps') === true,
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs: Math.max(0, Math.floor(sinceMs)) }),
    stream,
  };
}

function time(query: URLSearchParams, name: string): number | undefined {
  const value = text(query, name);
  if (value === undefined) return undefined;
  const ms = Date.parse(value);
  if (/^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(ms)) return ms;
  throw badRequest(
    `${name}: parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(value)}`,
  );
}
