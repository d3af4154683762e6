/**
 * What pods find outside of the cluster: the one host that a page of the Kubernetes documentation
 * fetches from (Configure Pod Initialization), with one page over plain HTTP. Everything else is
 * not there: nothing simulated reaches the real network.
 */

import { ANY_ADDRESS } from './address.ts';
import { Namespace } from './namespace.ts';
import type { DnsAnswer, HttpHandler } from './network.ts';
import { Sockets } from './sockets.ts';

const HOST = 'info.cern.ch';
/** Of the range that is kept for documentation (RFC 5737). */
export const OUTSIDE_ADDRESS = '192.0.2.80';

const PAGE = `<html><head>
<title>http://${HOST}</title>
</head>
<body><h1>http://${HOST}</h1>
<p>A stand-in: this cluster is simulated and reaches nothing outside of it.</p>
</body></html>
`;

const answerWithPage: HttpHandler = ({ target }) =>
  target === '/'
    ? { status: 200, headers: { 'content-type': 'text/html' }, body: PAGE }
    : { status: 404, headers: { 'content-type': 'text/plain' }, body: 'Not Found\n' };

/** The address of a full name in lower case; undefined when there is no such host outside. Pure. */
export function answerFromOutside(name: string): DnsAnswer | undefined {
  return name === HOST ? { name: `${HOST}.`, addresses: [OUTSIDE_ADDRESS] } : undefined;
}

/** A namespace in which the host listens. */
export function outsideNamespace(): Namespace {
  const outside = new Namespace(OUTSIDE_ADDRESS, '', false);
  outside.ports.add({
    port: 80,
    protocol: 'TCP',
    host: ANY_ADDRESS,
    service: { http: answerWithPage },
    sockets: new Sockets(),
  });
  return outside;
}
