import { describe, expect, test } from 'vitest';
import type { ContainerPort, PodSpec } from './gen/types.ts';
import { type HostPort, hostPortsCollide, hostPortsOf } from './host-ports.ts';

const port = (changes: Partial<HostPort> = {}): HostPort => ({
  port: 80,
  protocol: 'TCP',
  ip: '0.0.0.0',
  ...changes,
});

test('a pod takes the host ports of its containers and sidecars', () => {
  const spec: PodSpec = {
    containers: [
      { name: 'a', ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }] as ContainerPort[] },
    ],
    initContainers: [
      { name: 'setup', ports: [{ containerPort: 1, hostPort: 1 }] as ContainerPort[] },
      {
        name: 'sidecar',
        restartPolicy: 'Always',
        ports: [{ containerPort: 53, hostPort: 53, protocol: 'UDP', hostIP: '10.0.0.1' }] as ContainerPort[],
      },
    ],
  };
  expect(hostPortsOf(spec)).toEqual([
    port({ port: 8080 }),
    port({ port: 53, protocol: 'UDP', ip: '10.0.0.1' }),
  ]);
  expect(hostPortsOf({ containers: [{ name: 'a' }] })).toEqual([]);
});

describe('two ports', () => {
  test.each<[Partial<HostPort>, Partial<HostPort>, boolean]>([
    [{}, {}, true],
    [{}, { port: 81 }, false],
    [{}, { protocol: 'UDP' }, false],
    [{ ip: '10.0.0.1' }, {}, true],
    [{ ip: '10.0.0.1' }, { ip: '10.0.0.1' }, true],
    [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }, false],
  ])('%j and %j collide: %s', (a, b, collide) => {
    expect(hostPortsCollide(port(a), port(b))).toBe(collide);
    expect(hostPortsCollide(port(b), port(a))).toBe(collide);
  });
});
