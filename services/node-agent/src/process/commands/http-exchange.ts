/** What `wget` and `curl` have in common. Only the apiserver speaks TLS: https asks others without it, on port 443. */

import type { TlsOptions } from '../../network/secure.ts';
import type { Command } from './command.ts';
import { type HttpAddress, STATUS_TEXT } from './url.ts';

export type Answer = Awaited<ReturnType<Command['process']['network']['request']>>;

export interface Ask {
  method: string;
  headers: Record<string, string>;
  body: Uint8Array | undefined;
  timeoutMs: number | undefined;
  /** For https. */
  tls: TlsOptions;
}

export function send(
  self: Command,
  address: HttpAddress,
  { method, headers, body, timeoutMs, tls }: Ask,
): Promise<Answer> {
  const { network, killed } = self.process;
  const credentials =
    address.credentials === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(decodeURIComponent(address.credentials)).toString('base64')}` };
  return self.wait(
    network.request(
      address.host,
      address.port,
      {
        method,
        target: address.target,
        headers: { host: address.authority, ...credentials, ...headers },
        ...(body === undefined ? {} : { body }),
        ...(address.secure ? { tls } : {}),
      },
      { signal: killed, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    ),
  );
}

/** `Name: value`; one without a value is left out. */
export function headersOf(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).trim();
    if (colon > 0 && value !== '') headers[line.slice(0, colon).trim().toLowerCase()] = value;
  }
  return headers;
}

export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? ''}`.trimEnd();
}

/** As servers write them: capitals at the beginning of words. */
export function headerLines(answer: Answer): string[] {
  const headers = Object.entries(answer.headers).map(
    ([name, value]) => `${name.replaceAll(/(?:^|-)[a-z]/g, (each) => each.toUpperCase())}: ${value}`,
  );
  return [statusLine(answer.status), ...headers];
}
