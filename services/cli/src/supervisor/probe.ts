/** Questions to a process whether it does its work. None throws: no answer is an answer. */

import { connect } from 'node:net';
import { get } from '@orrery/kit/http.ts';

/** A process that does not answer in this time is not ready. */
const PROBE_LIMIT_MS = 1_000;

/** Ready when a plain HTTP GET on the loopback address answers 200. */
export function httpProbe(port: number, path: string): () => Promise<boolean> {
  return () =>
    new Promise((resolve) => {
      const request = get(
        { host: '127.0.0.1', port, path, agent: false, timeout: PROBE_LIMIT_MS },
        (response) => {
          response.resume();
          resolve(response.statusCode === 200);
        },
      );
      request.once('timeout', () => request.destroy());
      request.once('error', () => resolve(false));
      request.once('close', () => resolve(false));
    });
}

/** Ready when Redis answers PING with PONG, which it does not while it loads its data. */
export function redisProbe(port: number): () => Promise<boolean> {
  return () =>
    new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, timeout: PROBE_LIMIT_MS });
      socket.once('connect', () => socket.write('PING\r\n'));
      socket.once('data', (reply) => {
        resolve(reply.toString('latin1').startsWith('+PONG'));
        socket.destroy();
      });
      socket.once('timeout', () => socket.destroy());
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
}
