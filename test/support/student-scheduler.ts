/**
 * A scheduler as somebody might write it in a first lesson, in any language: it knows nothing of
 * this project, only the REST API and a kubeconfig. It watches pods that name it and have no node,
 * and binds each to the node with the fewest pods of its own.
 *
 * Run as a process: `node student-scheduler.ts KUBECONFIG NAME`.
 */

import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

interface Listed<T> {
  metadata: { resourceVersion: string };
  items: T[];
}

interface StudentPod {
  metadata: { name: string; namespace: string };
}

const [kubeconfig, name] = process.argv.slice(2) as [string, string];
const config = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
const { server, 'certificate-authority-data': ca } = config.clusters[0]!.cluster;
const { 'client-certificate-data': cert, 'client-key-data': key } = config.users[0]!.user;
const decode = (text: string): Buffer => Buffer.from(text, 'base64');
const tls = { ca: decode(ca), cert: decode(cert), key: decode(key) };

function call(method: string, path: string, body?: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const outgoing = request(new URL(path, server), { method, headers, ...tls }, resolve);
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function read<T>(path: string): Promise<T> {
  let text = '';
  for await (const chunk of await call('GET', path)) text += String(chunk);
  return JSON.parse(text) as T;
}

const placed = new Map<string, number>();

async function schedule({ metadata }: StudentPod): Promise<void> {
  const { items: nodes } = await read<Listed<StudentPod>>('/api/v1/nodes');
  const load = (node: StudentPod): number => placed.get(node.metadata.name) ?? 0;
  const [best] = nodes.sort((a, b) => load(a) - load(b));
  if (best === undefined) return;
  const node = best.metadata.name;
  placed.set(node, load(best) + 1);
  const answer = await call(
    'POST',
    `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/binding`,
    {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: metadata.name },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    },
  );
  answer.resume();
  console.log(`${metadata.name} -> ${node}: ${answer.statusCode}`);
}

const selector = encodeURIComponent(`spec.schedulerName=${name},spec.nodeName=`);
const pods = `/api/v1/pods?fieldSelector=${selector}`;
const { items, metadata } = await read<Listed<StudentPod>>(pods);
for (const pod of items) await schedule(pod);
let rest = '';
for await (const chunk of await call(
  'GET',
  `${pods}&watch=true&resourceVersion=${metadata.resourceVersion}`,
)) {
  rest += String(chunk);
  const lines = rest.split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const { type, object } = JSON.parse(line) as { type: string; object: StudentPod };
    if (type === 'ADDED') await schedule(object);
  }
}
