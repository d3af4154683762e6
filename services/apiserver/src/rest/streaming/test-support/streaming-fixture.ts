/** An apiserver with pods on a fake node agent, and clients for the ways into them. */

import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Pod } from '@orrery/api/gen/types.ts';
import { WebSocket } from 'ws';
import { nodesDefinition } from '../../../registry/node.ts';
import { podsDefinition } from '../../../registry/pod.ts';
import { RestFixture } from '../../test-support/rest-fixture.ts';
import { FakeNodeAgent } from './fake-node-agent.ts';
import { SpdyClient } from './spdy-client.ts';

export const PODS = '/api/v1/namespaces/default/pods';

interface Upgraded {
  socket: Duplex;
  protocol: string | undefined;
}

export class StreamingFixture {
  readonly rest: RestFixture;
  readonly agent: FakeNodeAgent;

  private constructor(rest: RestFixture, agent: FakeNodeAgent) {
    this.rest = rest;
    this.agent = agent;
  }

  static async start(): Promise<StreamingFixture> {
    const [rest, agent] = [await RestFixture.start(), new FakeNodeAgent()];
    await agent.start();
    const fixture = new StreamingFixture(rest, agent);
    fixture.putNode('node-1', agent.address);
    fixture.putPod('one', ['c']);
    fixture.putPod('two', ['a', 'b'], { initContainers: [{ name: 'i', image: 'x' }] });
    fixture.putPod('waiting', ['c'], { nodeName: '' });
    fixture.putPod('lost', ['c'], { nodeName: 'node-9' });
    return fixture;
  }

  async stop(): Promise<void> {
    await this.rest.stop();
    this.agent.stop();
  }

  putNode(name: string, address: string | undefined): void {
    const annotations = address === undefined ? {} : { 'orrery.dev/node-agent-address': address };
    const status = { addresses: [{ type: 'InternalIP', address: '10.0.0.10' }] };
    this.rest.api.put(nodesDefinition, { metadata: { name, annotations }, status } as never);
  }

  putPod(name: string, containers: string[], spec: Partial<Pod['spec']> = {}): void {
    this.rest.api.put(podsDefinition, {
      metadata: { name, namespace: 'default' },
      spec: {
        nodeName: 'node-1',
        containers: containers.map((each) => ({ name: each, image: 'x' })),
        ...spec,
      },
    } as never);
  }

  /** A WebSocket that was granted; rejects with the answer when it was not. */
  webSocket(path: string, protocols: string[]): Promise<TestWebSocket> {
    const { certificate, privateKey } = this.rest.pki.admin;
    // Like gorilla's, and unlike that of ws, this client may offer a name with a slash.
    const webSocket = new WebSocket(`wss://127.0.0.1:${this.rest.port}${path}`, [], {
      cert: certificate,
      key: privateKey,
      ca: this.rest.pki.caCertificate,
      ...(protocols.length === 0 ? {} : { headers: { 'Sec-WebSocket-Protocol': protocols.join(', ') } }),
      finishRequest: (request) => request.end(),
    });
    return new Promise((resolve, reject) => {
      const client = new TestWebSocket(webSocket);
      webSocket.on('upgrade', ({ headers }) => {
        client.protocol = headers['sec-websocket-protocol'] ?? '';
        // ws does not know that a protocol was asked for.
        delete headers['sec-websocket-protocol'];
      });
      webSocket.on('error', reject);
      webSocket.on('open', () => resolve(client));
      webSocket.on('unexpected-response', (_request, answer) => {
        void bodyOf(answer).then((body) => reject(new Error(`${answer.statusCode} ${body}`)));
      });
    });
  }

  /** A SPDY connection that was granted; rejects with the answer when it was not. */
  async spdy(
    path: string,
    protocols: string[],
  ): Promise<{ client: SpdyClient; protocol: string | undefined }> {
    const { socket, protocol } = await this.#upgrade(path, {
      Upgrade: 'SPDY/3.1',
      'X-Stream-Protocol-Version': protocols,
    });
    return { client: new SpdyClient(socket), protocol };
  }

  #upgrade(path: string, headers: Record<string, string | string[]>): Promise<Upgraded> {
    const { certificate, privateKey } = this.rest.pki.admin;
    const request = httpsRequest({
      host: '127.0.0.1',
      port: this.rest.port,
      path,
      method: 'POST',
      cert: certificate,
      key: privateKey,
      ca: this.rest.pki.caCertificate,
      agent: false,
      headers: { Connection: 'Upgrade', ...headers },
    });
    return new Promise((resolve, reject) => {
      request.on('error', reject);
      request.on('response', (answer) => {
        void bodyOf(answer).then((body) => reject(new Error(`${answer.statusCode} ${body}`)));
      });
      request.on('upgrade', (answer, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        const protocol = answer.headers['x-stream-protocol-version'] as string | undefined;
        resolve({ socket, protocol });
      });
      request.end();
    });
  }
}

async function bodyOf(answer: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return body;
}

/** Keeps every message. */
export class TestWebSocket {
  readonly webSocket: WebSocket;
  readonly messages: Buffer[] = [];
  protocol = '';
  code: number | undefined;

  constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    webSocket.on('message', (data: Buffer) => this.messages.push(data));
    webSocket.on('close', (code) => (this.code = code));
  }

  send(channel: number, data: string | Buffer): void {
    this.webSocket.send(Buffer.concat([Buffer.of(channel), Buffer.from(data)]));
  }

  /** All that came on a channel. */
  on(channel: number): string {
    return Buffer.concat(
      this.messages.filter(([first]) => first === channel).map((each) => each.subarray(1)),
    ).toString();
  }
}
