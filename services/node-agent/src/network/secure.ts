/** TLS over a simulated connection, by Node's own: only the control plane speaks it. */

import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { Duplex } from 'node:stream';
import { isIPv4 } from './address.ts';
import { NetworkError } from './network.ts';

/** What a program says of TLS. */
export interface TlsOptions {
  /** PEM of the authorities that are trusted; none unless given. */
  ca?: string;
  /** Whoever answers is believed. */
  insecure?: boolean;
}

/** Whoever answered could not show who he is. `reason` is what OpenSSL says. */
export class CertificateError extends Error {
  readonly reason: string;
  /** The name that was asked for is not in it. */
  readonly isOtherName: boolean;

  constructor(reason: string, isOtherName: boolean) {
    super(reason);
    this.name = 'CertificateError';
    this.reason = reason;
    this.isOtherName = isOtherName;
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unable to get local issuer certificate'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to get local issuer certificate'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'],
  ['CERT_HAS_EXPIRED', 'certificate has expired'],
]);

const OTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

/** @throws CertificateError, NetworkError ECONNRESET */
export function secured(connection: Duplex, host: string, options: TlsOptions): Promise<TLSSocket> {
  // Most agents never need it: see kit/src/http.ts for what an import costs.
  const { connect } = process.getBuiltinModule('node:tls');
  const settings: ConnectionOptions = {
    socket: connection,
    host,
    ca: options.ca ?? [],
    rejectUnauthorized: options.insecure !== true,
    ALPNProtocols: ['http/1.1'],
    ...(!isIPv4(host) ? { servername: host } : {}),
  };
  return new Promise((resolve, reject) => {
    const socket = connect(settings);
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const reason = REASONS.get(error.code ?? '');
      const isOtherName = error.code === OTHER_NAME;
      connection.destroy();
      if (isOtherName || reason !== undefined) reject(new CertificateError(reason ?? '', isOtherName));
      else reject(new NetworkError('ECONNRESET'));
    });
    socket.once('close', () => {
      connection.destroy();
      reject(new NetworkError('ECONNRESET'));
    });
  });
}
