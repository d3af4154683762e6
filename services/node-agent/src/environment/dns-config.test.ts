import type { Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, test } from 'vitest';
import { boundPod } from '../test-support/objects.ts';
import { sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { dnsConfig } from './dns-config.ts';
import { hostsFile, resolvFile } from './pod-files.ts';

const CLUSTER = {
  nameservers: ['10.96.0.10'],
  searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
  options: ['ndots:5'],
};
const NODE = { nameservers: ['10.0.0.2'], searches: [], options: [] };
const NONE = { nameservers: [], searches: [], options: [] };

function configOf(spec: Partial<Pod['spec']>) {
  return dnsConfig(boundPod('web', spec) as Pod);
}

describe('the name service of a pod', () => {
  test.each<[Partial<Pod['spec']>, object]>([
    [{}, CLUSTER],
    [{ dnsPolicy: 'ClusterFirst', hostNetwork: true }, NODE],
    [{ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, CLUSTER],
    [{ dnsPolicy: 'Default' }, NODE],
    [{ dnsPolicy: 'None' }, NONE],
    [
      {
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['192.0.2.1'],
          searches: ['ns1.svc.cluster-domain.example', 'my.dns.search.suffix'],
          options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
        },
      },
      {
        nameservers: ['192.0.2.1'],
        searches: ['ns1.svc.cluster-domain.example', 'my.dns.search.suffix'],
        options: ['ndots:2', 'edns0'],
      },
    ],
    [
      {
        dnsConfig: {
          nameservers: ['10.96.0.10', '1.1.1.1', '2.2.2.2', '3.3.3.3'],
          searches: ['cluster.local', 'corp.example'],
          options: [{ name: 'ndots', value: '1' }],
        },
      },
      {
        nameservers: ['10.96.0.10', '1.1.1.1', '2.2.2.2'],
        searches: [...CLUSTER.searches, 'corp.example'],
        options: ['ndots:1'],
      },
    ],
  ])('of %j', (spec, config) => {
    expect(configOf(spec)).toEqual(config);
  });

  test('is one object for the pods of a namespace', () => {
    expect(configOf({})).toBe(configOf({}));
  });

  test('stands in resolv.conf', () => {
    expect(resolvFile({ dns: CLUSTER })).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    expect(resolvFile({ dns: NODE })).toBe('nameserver 10.0.0.2\n');
  });
});

describe('/etc/hosts', () => {
  const sandbox = { ...sandboxConfigFor('u1', { hostname: 'web-0' }), ip: '10.244.0.2' };

  test('has the addresses of this host, the pod, and what the pod asks for', () => {
    const hostAliases = [{ ip: '10.1.2.3', hostnames: ['foo.remote', 'bar.remote'] }];
    expect(hostsFile({ ...sandbox, hostAliases })).toBe(
      [
        '# Kubernetes-managed hosts file.',
        '127.0.0.1\tlocalhost',
        '::1\tlocalhost ip6-localhost ip6-loopback',
        'fe00::0\tip6-localnet',
        'fe00::0\tip6-mcastprefix',
        'fe00::1\tip6-allnodes',
        'fe00::2\tip6-allrouters',
        '10.244.0.2\tweb-0',
        '',
        '# Entries added by HostAliases.',
        '10.1.2.3\tfoo.remote\tbar.remote',
        '',
      ].join('\n'),
    );
  });

  test("has the full name of a pod in a subdomain, and says when it is the node's", () => {
    const fqdn = 'web-0.nginx.default.svc.cluster.local';
    expect(hostsFile({ ...sandbox, fqdn })).toContain(`10.244.0.2\t${fqdn}\tweb-0\n`);
    expect(hostsFile({ ...sandbox, hostNetwork: true })).toMatch(
      /^# Kubernetes-managed hosts file \(host network\)\.\n/,
    );
  });
});
