/** Granting an upgrade to SPDY/3.1 (apimachinery/pkg/util/httpstream, Handshake). */

import type { Socket } from 'node:net';
import { StatusError } from '@orrery/api/status-error.ts';
import type { Upgrade } from './upgrade.ts';

const PROTOCOL_HEADER = 'x-stream-protocol-version';

/**
 * The client's first choice that is served. One that does not choose speaks the oldest, the last of those served.
 * @throws StatusError 403 when it offers none.
 */
export function negotiateSpdy({ request }: Upgrade, served: readonly string[]): string {
  const offered = (request.headersDistinct[PROTOCOL_HEADER] ?? [])
    .flatMap((each) => each.split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '');
  if (offered.length === 0) return served.at(-1)!;
  const chosen = offered.find((each) => served.includes(each));
  if (chosen !== undefined) return chosen;
  throw new StatusError(
    403,
    'Forbidden',
    `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${served.join(' ')}]`,
  );
}

/** Grants the upgrade; what the socket carries from here on is SPDY. */
export function acceptSpdy(upgrade: Upgrade, protocol: string): Socket {
  const socket = upgrade.grant();
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (upgrade.head.length > 0) socket.unshift(upgrade.head);
  return socket;
}
