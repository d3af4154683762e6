/**
 * What the tests on the wire share: one cluster for the file that imports this, and a namespace of
 * its own for each test.
 */

import type { ConfigMap, KubeObject } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { eventually, TestCluster } from './cluster.ts';
import { type Sending, type WatchStream, Wire } from './wire.ts';

export const MERGE = 'application/merge-patch+json';
export const STRATEGIC = 'application/strategic-merge-patch+json';
export const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

export interface Status {
  kind: 'Status';
  message: string;
  reason: string;
  code: number;
  metadata: { continue?: string };
  details?: {
    causes?: { reason: string; message: string; field?: string }[];
    retryAfterSeconds?: number;
  };
}

export interface List<T> {
  kind: string;
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: T[];
}

export let cluster: TestCluster;
export let wire: Wire;
export let namespace = '';
let tests = 0;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3 });
  wire = Wire.of(cluster.kubeconfig);
});
afterAll(async () => {
  wire.close();
  await cluster.remove();
});
beforeEach(async () => {
  tests += 1;
  namespace = `wire-${tests}`;
  await ok('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  await eventually('the default service account', async () => {
    const { code } = await wire.send('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`);
    return code === 200;
  });
});

export const core = (rest: string): string => `/api/v1/namespaces/${namespace}/${rest}`;
export const apps = (rest: string): string => `/apis/apps/v1/namespaces/${namespace}/${rest}`;
export const maps = (rest = ''): string => core(`configmaps${rest}`);

export async function ok<T = KubeObject>(method: string, path: string, sending: Sending = {}): Promise<T> {
  const { code, text } = await wire.send(method, path, sending);
  if (code >= 300) throw new Error(`${method} ${path}: ${code} ${text}`);
  return JSON.parse(text) as T;
}

export async function refused(method: string, path: string, sending: Sending = {}): Promise<Status> {
  const { code, text } = await wire.send(method, path, sending);
  const status = JSON.parse(text) as Status;
  expect(status, text).toMatchObject({ kind: 'Status', status: 'Failure', code });
  return status;
}

export const createMap = (name: string, metadata: object = {}): Promise<ConfigMap> =>
  ok('POST', maps(), { body: { data: { k: '0' }, metadata: { ...metadata, name } } });
export const patch = <T>(path: string, body: object, contentType = MERGE): Promise<T> =>
  ok('PATCH', path, { body, contentType });
export const names = ({ items }: List<KubeObject>): string[] => items.map(({ metadata }) => metadata.name);

export const podOf = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { containers: [{ name: 'web', image: 'web:1' }], ...spec },
});

export const deploymentOf = (name: string, replicas = 1): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'web', image: 'web:1' }] },
    },
  },
});

export const watched = async <T>(path: string, sending?: Sending): Promise<WatchStream<T>> => {
  const stream = await wire.watch<T>(path, sending);
  expect(stream.reply.code).toBe(200);
  return stream;
};
