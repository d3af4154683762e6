/** Services of every type, as kubectl makes them and pods reach them. */

import type { EndpointSlice, Pod, Service } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, nodeAgents: 2 });
  await kubectl('create', 'deployment', 'web', '--image=nginx', '--replicas=2');
  await kubectl('run', 'box', '--image=busybox', '--', 'sleep', '100000');
  await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await kubectl('wait', 'pod/box', '--for=condition=Ready', '--timeout=60s');
});
afterAll(() => cluster.remove());

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const service = (name: string): Promise<Service> => cluster.get<Service>('service', name);
const expose = (name: string, ...flags: string[]): Promise<string> =>
  kubectl('expose', 'deployment', 'web', `--name=${name}`, '--port=80', ...flags);
const inBox = (command: string): Promise<string> => kubectl('exec', 'box', '--', ...command.split(' '));
const servesPage = (address: string): Promise<boolean> =>
  eventually(`the page of ${address}`, async () =>
    (await inBox(`wget -q -T 2 -O- http://${address}`)).includes('Welcome to nginx'),
  );

async function ingressOf(name: string): Promise<string> {
  const { status } = await service(name);
  return status?.loadBalancer?.ingress?.[0]?.ip ?? '';
}

describe('kubectl expose', () => {
  it('makes a Service with an address of the cluster', async () => {
    await expose('inside');
    await servesPage('inside');
    await servesPage((await service('inside')).spec.clusterIP!);
  });

  it('makes one with a port on every node', async () => {
    await expose('ported', '--type=NodePort');
    const { spec } = await service('ported');
    for (const node of ['10.0.0.10', '10.0.0.11']) await servesPage(`${node}:${spec.ports![0]!.nodePort}`);
  });

  it('makes one without an address, whose name leads to the pods', async () => {
    await expose('headless', '--cluster-ip=None');
    expect((await service('headless')).spec.clusterIP).toBe('None');
    await eventually('two addresses', async () => {
      const found = (await inBox('nslookup headless')).match(/10\.244\.\d+\.\d+/g);
      return new Set(found).size === 2;
    });
  });

  it('makes one with a load balancer, which pods reach at its address', async () => {
    await expose('balanced', '--type=LoadBalancer');
    const ip = await eventually('an address', () => ingressOf('balanced'));
    const made = await service('balanced');
    expect(ip).toBe(made.spec.clusterIP!.replace('10.96.', '198.18.'));
    expect(made.metadata.finalizers).toEqual([FINALIZER]);
    expect(await kubectl('get', 'service', 'balanced')).toMatch(
      new RegExp(`^balanced +LoadBalancer +\\S+ +${ip} +80:\\d+/TCP `, 'm'),
    );
    await servesPage(ip);
    const described = await eventually('the events', async () => {
      const text = await kubectl('describe', 'service', 'balanced');
      return text.includes('Ensured load balancer') ? text : undefined;
    });
    expect(described).toMatch(new RegExp(`LoadBalancer Ingress: +${ip} \\(VIP\\)`));
    expect(described).toMatch(
      /Normal +EnsuringLoadBalancer +\S+ +service-controller +Ensuring load balancer/,
    );
  });
});

describe('a load balancer', () => {
  it('goes with the type, and comes back with it', async () => {
    await expose('changing', '--type=LoadBalancer');
    const first = await eventually('an address', () => ingressOf('changing'));
    await kubectl('patch', 'service', 'changing', '-p', '{"spec":{"type":"ClusterIP"}}');
    await eventually('the address is gone', async () => (await ingressOf('changing')) === '');
    await eventually(
      'the finalizer, too',
      async () => (await service('changing')).metadata.finalizers === undefined,
    );
    await kubectl('patch', 'service', 'changing', '-p', '{"spec":{"type":"LoadBalancer"}}');
    await eventually('the address is back', async () => (await ingressOf('changing')) === first);
    await kubectl('delete', 'service', 'changing', '--timeout=20s');
  });

  it('of another class is left to others', async () => {
    const spec = {
      type: 'LoadBalancer',
      loadBalancerClass: 'example.com/theirs',
      selector: { app: 'web' },
      ports: [{ port: 80 }],
    };
    const theirs = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'theirs' }, spec };
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(theirs) });
    await expose('ours', '--type=LoadBalancer');
    await eventually('an address of ours', () => ingressOf('ours'));
    expect(await kubectl('get', 'service', 'theirs')).toContain('<pending>');
    expect((await service('theirs')).metadata.finalizers).toBeUndefined();
  });
});

describe('a Service of type ExternalName', () => {
  it('is an alias, of names outside and inside', async () => {
    await kubectl('create', 'service', 'externalname', 'far', '--external-name=info.cern.ch');
    await kubectl(
      'create',
      'service',
      'externalname',
      'near',
      '--external-name=web.default.svc.cluster.local',
    );
    await expose('web');
    await servesPage('near');
    expect(await inBox('wget -q -O- http://far')).toContain('info.cern.ch');
    expect(await inBox('nslookup far')).toContain('192.0.2.80');
  });
});

describe('the endpoints of a Service', () => {
  it('show pods that end as serving, and those that are not ready where that is asked for', async () => {
    const pod = (name: string, more: object, container: object): object => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'ends' } },
      spec: { containers: [{ name: 'main', image: 'busybox', ...container }], ...more },
    });
    const command = ['sh', '-c', 'trap "" TERM; while true; do sleep 1; done'];
    const items = [
      pod('slow', { terminationGracePeriodSeconds: 3600 }, { command }),
      pod('unready', {}, { command, readinessProbe: { exec: { command: ['false'] } } }),
    ];
    await cluster.kubectlOk(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
    await kubectl('expose', 'pod', 'slow', '--name=ends', '--port=80', '--selector=app=ends');
    await kubectl('expose', 'pod', 'slow', '--name=all', '--port=80', '--selector=app=ends');
    await kubectl('patch', 'service', 'all', '-p', '{"spec":{"publishNotReadyAddresses":true}}');
    await kubectl('wait', 'pod/slow', '--for=condition=Ready', '--timeout=30s');
    await kubectl('delete', 'pod', 'slow', '--wait=false');
    const conditionsOf = async (name: string): Promise<Record<string, unknown>> => {
      const { items: slices } = await cluster.get<{ items: EndpointSlice[] }>(
        'endpointslices',
        '-l',
        `kubernetes.io/service-name=${name}`,
      );
      const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
      return Object.fromEntries(endpoints.map((each) => [each.targetRef?.name, each.conditions]));
    };
    const settled = (name: string, expected: object): Promise<unknown> =>
      eventually(`the conditions of ${name}`, async () => {
        expect(await conditionsOf(name)).toEqual(expected);
        return true;
      });
    const unready = { ready: false, serving: false, terminating: false };
    const slow = { ready: false, serving: true, terminating: true };
    await settled('ends', { slow, unready });
    await settled('all', { slow: { ...slow, ready: true }, unready: { ...unready, ready: true } });
    const addresses = async (name: string): Promise<number> =>
      (await kubectl('get', 'endpoints', name)).match(/10\.244\.\d+\.\d+:80/g)?.length ?? 0;
    await eventually('no address of one that ends', async () => (await addresses('ends')) === 0);
    await eventually('all addresses', async () => (await addresses('all')) === 2);
    await kubectl('delete', 'pod', 'slow', '--grace-period=0', '--force');
  });
});

describe('a Service that wants its traffic to stay close', () => {
  it('is answered on the node of who asks', async () => {
    const image = 'registry.k8s.io/e2e-test-images/agnhost:2.53';
    const nodes = ['node-1', 'node-2'];
    const pods = nodes.map((nodeName) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `on-${nodeName}`, labels: { app: 'close' } },
      spec: { nodeName, containers: [{ name: 'main', image, args: ['netexec', '--http-port=80'] }] },
    }));
    const close = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'close' },
      spec: { trafficDistribution: 'PreferSameNode', selector: { app: 'close' }, ports: [{ port: 80 }] },
    };
    await cluster.kubectlOk(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...pods, close] }),
    });
    await kubectl('wait', 'pod', '-l', 'app=close', '--for=condition=Ready', '--timeout=30s');
    const hints = ['-o', 'jsonpath={.items[*].endpoints[*].hints.forNodes[*].name}'];
    const label = 'kubernetes.io/service-name=close';
    await eventually(
      'both are hinted at',
      async () => (await kubectl('get', 'endpointslices', '-l', label, ...hints)).split(' ').length === 2,
    );
    const { spec } = await cluster.get<Pod>('pod', 'box');
    const asks = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do wget -q -O- http://close/hostname; echo; done';
    await eventually('all answers come from there', async () => {
      const answers = await kubectl('exec', 'box', '--', 'sh', '-c', asks);
      return new Set(answers.trim().split('\n')).size === 1 && answers.startsWith(`on-${spec.nodeName}`);
    });
  });
});

describe('the Service kubernetes', () => {
  const SECRETS = '/var/run/secrets/kubernetes.io/serviceaccount';
  const API = 'https://kubernetes.default.svc';
  const inShell = (script: string): Promise<string> => kubectl('exec', 'caller', '--', 'sh', '-c', script);

  beforeAll(async () => {
    await kubectl('run', 'caller', '--image=example.com/tools', '--', 'sleep', '100000');
    await kubectl('wait', 'pod/caller', '--for=condition=Ready', '--timeout=60s');
  });

  it('leads pods to the apiserver, with their token and the cluster’s authority', async () => {
    const authorization = `-H "Authorization: Bearer $(cat ${SECRETS}/token)"`;
    const curl = `curl -sS --cacert ${SECRETS}/ca.crt ${authorization}`;
    expect(JSON.parse(await inShell(`${curl} ${API}/api`))).toMatchObject({ kind: 'APIVersions' });
    const pods = JSON.parse(await inShell(`${curl} ${API}/api/v1/namespaces/default/pods`)) as {
      items: unknown[];
    };
    expect(pods.items.length).toBeGreaterThan(2);
    const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"from-a-pod"}}';
    const address =
      'https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/api/v1/namespaces/default/configmaps';
    await inShell(`${curl} -H 'Content-Type: application/json' -d '${body}' ${address}`);
    expect(await kubectl('get', 'configmap', 'from-a-pod')).toContain('from-a-pod');
    const wget = await kubectl(
      'exec',
      'box',
      '--',
      'sh',
      '-c',
      `wget -q -O- --header "Authorization: Bearer $(cat ${SECRETS}/token)" ${API}/version`,
    );
    expect(JSON.parse(wget)).toMatchObject({ major: '1' });
  });

  it('is not believed without the authority, and lets nobody in without a token', async () => {
    expect(await inShell(`curl -sS ${API}/api 2>&1; echo $?`)).toMatch(
      /^curl: \(60\) SSL certificate problem: .*certificate.*\n60\n$/,
    );
    const trusting = `curl -sS --cacert ${SECRETS}/ca.crt`;
    expect(await inShell(`${trusting} https://10.0.0.1:${cluster.apiPort}/api 2>&1; echo $?`)).toContain(
      "no alternative certificate subject name matches target host name '10.0.0.1'",
    );
    expect(await inShell(`curl -k -s -o /dev/null -w '%{http_code}' ${API}/api`)).toBe('401');
  });

  it('is the only way out', async () => {
    const slice = (address: string): object => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'way-out', labels: { 'kubernetes.io/service-name': 'way-out' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address] }],
      ports: [{ port: cluster.ports()['nats-monitor'] }],
    });
    const out = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'way-out' },
      spec: { ports: [{ port: 80 }] },
    };
    const items = [out, slice('10.0.0.1')];
    await cluster.kubectlOk(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
    await eventually('it is refused', async () =>
      (await inShell('curl -sS http://way-out 2>&1; echo $?')).includes('Could not connect to server\n7'),
    );
  });
});
