/** Addresses of HTTP as people type them. */

import { CommandFailure } from './command.ts';

export interface HttpAddress {
  secure: boolean;
  host: string;
  port: number;
  /** Path with query. */
  target: string;
  /** For the header Host. */
  authority: string;
  credentials: string | undefined;
}

/** The scheme may be left out. @throws CommandFailure with `exitCode` */
export function parseAddress(text: string, exitCode: number): HttpAddress {
  const match =
    /^(?:(https?):\/\/)?(?:([^@/]*)@)?(\[[^\]]+\]|[^:/?#[\]]+)(?::(\d+))?([/?][^#]*)?(?:#.*)?$/i.exec(text);
  if (match === null) throw new CommandFailure(`bad address '${text}'`, exitCode);
  const [, scheme, credentials, host, port, target = '/'] = match;
  const secure = scheme?.toLowerCase() === 'https';
  return {
    secure,
    host: host!.replaceAll(/[[\]]/g, ''),
    port: port === undefined ? (secure ? 443 : 80) : Number(port),
    target: target.startsWith('/') ? target : `/${target}`,
    authority: port === undefined ? host! : `${host}:${port}`,
    credentials,
  };
}

export const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** Redirects that are followed. */
export const MOST_REDIRECTS = 10;

/** Where a redirect leads; undefined when the answer is none. */
export function redirectTarget(
  from: HttpAddress,
  status: number,
  location: string | undefined,
): string | undefined {
  if (status < 300 || status > 399 || location === undefined) return undefined;
  const scheme = from.secure ? 'https' : 'http';
  if (/^https?:\/\//i.test(location)) return location;
  if (location.startsWith('//')) return `${scheme}:${location}`;
  const base = location.startsWith('/') ? '' : from.target.replace(/[^/]*(?:\?.*)?$/, '');
  return `${scheme}://${from.authority}${base}${location}`;
}
