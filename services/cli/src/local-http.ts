/** Pages of the services of this machine's cluster, which answer on loopback. */

import { get } from '@orrery/kit/http.ts';
import { CliError } from './cli-error.ts';

/** How long a service may take for an answer, in real milliseconds. */
const LIMIT_MS = 10_000;

/** @throws CliError when nobody answers on the port */
export function fetchLocally(port: number, path: string): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = get({ host: '127.0.0.1', port, path, timeout: LIMIT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ code: response.statusCode ?? 0, text }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', ({ message }) =>
      reject(
        new CliError(`the service on port ${port} does not answer (${message}); "./orrery ps" shows it`),
      ),
    );
  });
}
