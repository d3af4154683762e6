/** Pages of the Kubernetes documentation on names and connections, typed as they say. */

import type { EndpointSlice, Service } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/cluster.ts';
import { Tutorial } from '../support/tutorial.ts';

let tutorial: Tutorial;

beforeAll(async () => {
  tutorial = await Tutorial.open({ nodes: 3, nodeAgents: 2 });
});
afterAll(() => tutorial.close());

const type = (line: string): Promise<string> => tutorial.type(line);

describe.concurrent('"Debugging DNS Resolution"', () => {
  it('looks up names from a pod', async () => {
    await type('kubectl apply -f admin/dns/dnsutils.yaml');
    await tutorial.untilReady('dnsutils');
    expect(await type('kubectl get pods dnsutils')).toMatch(/^dnsutils +1\/1 +Running +0 /m);
    expect(await type('kubectl exec -i -t dnsutils -- nslookup kubernetes.default')).toMatch(
      /^Server:\s+10\.96\.0\.10\r?\n[^]*^Name:\s+kubernetes\.default[^]*^Address[^:]*:\s+10\.96\.0\.1\b/m,
    );
    expect(await type('kubectl exec -ti dnsutils -- cat /etc/resolv.conf')).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    await expect(type('kubectl exec dnsutils -- nslookup nobody.default')).rejects.toThrow(
      "can't resolve 'nobody.default'",
    );
  });
});

describe.concurrent('"DNS for Services and Pods"', () => {
  it('names pods by hostname and subdomain', async () => {
    await type('kubectl apply -f service/networking/busybox-subdomain.yaml');
    await tutorial.untilReady('busybox1 busybox2');
    expect(await type('kubectl exec busybox1 -- hostname -f')).toBe(
      'busybox-1.busybox-subdomain.default.svc.cluster.local\n',
    );
    const { status } = await tutorial.pod('busybox2');
    const name = 'busybox-2.busybox-subdomain.default.svc.cluster.local';
    await eventually(name, async () =>
      (await type(`kubectl exec busybox1 -- nslookup ${name}`)).includes(status!.podIP!),
    );
    const all = await type('kubectl exec busybox1 -- nslookup busybox-subdomain');
    for (const pod of ['busybox1', 'busybox2'])
      expect(all).toContain((await tutorial.pod(pod)).status!.podIP);
  });

  it('takes what the pod says of its resolver', async () => {
    await type('kubectl apply -f service/networking/custom-dns.yaml');
    await tutorial.untilReady('dns-example');
    expect(await type('kubectl exec -it dns-example -- cat /etc/resolv.conf')).toBe(
      'search ns1.svc.cluster-domain.example my.dns.search.suffix\nnameserver 192.0.2.1\noptions ndots:2 edns0\n',
    );
  });
});

describe.concurrent('"Adding entries to Pod /etc/hosts with HostAliases"', () => {
  it('adds them to those of the kubelet', async () => {
    await type('kubectl run nginx --image nginx');
    await type('kubectl apply -f service/networking/hostaliases-pod.yaml');
    await tutorial.untilReady('nginx');
    await tutorial.until('hostaliases-pod', 'phase', 'Succeeded');
    const head =
      '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' +
      'fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n';
    const ipOf = async (pod: string): Promise<string> => (await tutorial.pod(pod)).status!.podIP!;
    expect(await type('kubectl exec nginx -- cat /etc/hosts')).toBe(`${head}${await ipOf('nginx')}\tnginx\n`);
    expect(await type('kubectl logs hostaliases-pod')).toBe(
      `${head}${await ipOf('hostaliases-pod')}\thostaliases-pod\n\n# Entries added by HostAliases.\n` +
        '127.0.0.1\tfoo.local\tbar.local\n10.1.2.3\tfoo.remote\tbar.remote\n',
    );
  });
});

// One after the other: the first takes all pods of the Service away for a while, the second visits them.
describe('"Connecting Applications with Services"', () => {
  const slicesOf = async (): Promise<EndpointSlice[]> =>
    (
      await tutorial.cluster.get<{ items: EndpointSlice[] }>(
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=my-nginx',
      )
    ).items;
  const variables = `kubectl exec deployment/my-nginx -- printenv | grep SERVICE`;

  it('leads to all ready pods of the Deployment, by name and by variable', async () => {
    await type('kubectl apply -f service/networking/run-my-nginx.yaml');
    await type('kubectl rollout status deployment/my-nginx --timeout=60s');
    await type('kubectl expose deployment/my-nginx');
    const { spec } = await tutorial.cluster.get<Service>('service', 'my-nginx');
    expect(await type('kubectl get svc my-nginx')).toMatch(/^my-nginx +ClusterIP +[\d.]+ +<none> +80\/TCP /m);
    // The pods are older than the Service.
    expect(await type(variables)).not.toContain('MY_NGINX');
    await type(
      'kubectl scale deployment my-nginx --replicas=0; kubectl scale deployment my-nginx --replicas=2',
    );
    await type('kubectl rollout status deployment/my-nginx --timeout=60s');
    expect(await type(variables)).toMatch(
      new RegExp(`^MY_NGINX_SERVICE_HOST=${spec.clusterIP}\nMY_NGINX_SERVICE_PORT=80$`, 'm'),
    );
    const shell = 'kubectl run curl --image=radial/busyboxplus:curl -i --rm --restart=Never --quiet -- sh -c';
    expect(await type(`${shell} "read line; nslookup my-nginx" </dev/null`)).toMatch(
      new RegExp(
        `^Name:\\s+my-nginx[^]*^Address 1: ${spec.clusterIP} my-nginx\\.default\\.svc\\.cluster\\.local`,
        'm',
      ),
    );
  });

  it('leaves out a pod that is not ready', async () => {
    const container = { name: 'c', image: 'nginx', readinessProbe: { exec: { command: ['false'] } } };
    const overrides = JSON.stringify({ spec: { containers: [container] } });
    await type(`kubectl run not-ready --image=nginx --labels=run=my-nginx --overrides='${overrides}'`);
    await tutorial.until('not-ready', 'phase', 'Running');
    const { status } = await tutorial.pod('not-ready');
    await eventually('it is known as not ready', async () =>
      (await slicesOf())
        .flatMap(({ endpoints }) => endpoints ?? [])
        .some(({ addresses, conditions }) => addresses[0] === status!.podIP && conditions?.ready === false),
    );
    expect(await type('kubectl describe svc my-nginx')).not.toContain(status!.podIP);
    const visits = 'for each in 1 2 3 4 5 6 7 8 9; do wget -q -O /dev/null http://my-nginx || exit 1; done';
    await type(`kubectl run visitor --image=busybox --restart=Never -- sh -c '${visits}'`);
    await tutorial.until('visitor', 'phase', 'Succeeded');
    expect(await type('kubectl logs not-ready')).not.toContain('GET');
    const served = await type('kubectl logs -l run=my-nginx --tail=-1');
    expect(served.match(/"GET \/ HTTP\/1\.1" 200/g)).toHaveLength(9);
  });
});
