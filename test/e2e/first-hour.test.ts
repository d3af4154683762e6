/** What somebody tries in the first hour, beyond the pages of the documentation. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, speed: 10 });
});
afterAll(() => cluster.remove());

const run = (...args: string[]): Promise<string> => cluster.kubectlOk(args);

async function applyPod(name: string, spec: object): Promise<void> {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec };
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(pod) });
}

const running = (name: string): Promise<string> =>
  run('wait', '--for=jsonpath={.status.phase}=Running', `pod/${name}`, '--timeout=30s');

describe.concurrent('the first hour', () => {
  it('kubectl top shows what pods and nodes use', async () => {
    await applyPod('busy', {
      nodeName: 'node-1',
      containers: [
        { name: 'loop', image: 'vish/stress', args: ['-cpus', '2'], resources: { limits: { cpu: '500m' } } },
        { name: 'idle', image: 'nginx' },
      ],
    });
    const rows = await eventually('a full sample', async () => {
      const { code, stdout } = await cluster.kubectl(['top', 'pod', 'busy', '--containers', '--no-headers']);
      const cpu = Number(/loop +(\d+)m/.exec(stdout)?.[1]);
      return code === 0 && cpu > 400 ? stdout : undefined;
    });
    // The limit holds the loop back.
    expect(Number(/loop +(\d+)m/.exec(rows)![1])).toBeLessThanOrEqual(505);
    expect(rows).toMatch(/busy +idle +\d+m +\d+Mi/);
    expect(await run('top', 'nodes')).toMatch(/^NAME +CPU.*\nnode-1 +\d{3}m +1[0-3]% +\d+Mi +0% *\nnode-2 /);
    expect((await cluster.kubectl(['top', 'pod', 'nobody'])).stderr).toContain('pods "nobody" not found');
  });

  it('kubectl debug gives a shell on a node, whose disk is below /host', async () => {
    const script =
      'chroot /host sh -c "cat /etc/hostname; echo kept > /root/note"; cat /host/root/note; uname -r';
    const made = await run(
      'debug',
      'node/node-2',
      '--image=busybox',
      '--profile=general',
      '--',
      'sh',
      '-c',
      script,
    );
    const pod = /pod (node-debugger-node-2-\S+) /.exec(made)![1]!;
    await run('wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${pod}`, '--timeout=30s');
    const kernel = await run('get', 'node', 'node-2', '-o', 'jsonpath={.status.nodeInfo.kernelVersion}');
    expect(await run('logs', pod)).toBe(`node-2\nkept\n${kernel}\n`);
  });

  it('a security context decides who runs, and refuses root where it must not be', async () => {
    const sleep = { name: 'c', image: 'busybox', command: ['sleep', '1h'] };
    await applyPod('demo', {
      securityContext: { runAsUser: 1000, runAsGroup: 3000, fsGroup: 2000, supplementalGroups: [4000] },
      containers: [{ ...sleep, volumeMounts: [{ name: 'v', mountPath: '/data' }] }],
      volumes: [{ name: 'v', emptyDir: {} }],
    });
    await applyPod('root', { securityContext: { runAsNonRoot: true }, containers: [sleep] });
    await running('demo');
    const seen = await run('exec', 'demo', '--', 'sh', '-c', 'id; echo x > /data/f; stat -c "%u %g" /data/f');
    expect(seen).toBe('uid=1000 gid=3000 groups=2000,3000,4000\n1000 2000\n');
    const why = 'jsonpath={.status.containerStatuses[0].state.waiting.reason}';
    await run('wait', `--for=${why}=CreateContainerConfigError`, 'pod/root', '--timeout=30s');
    expect(await run('describe', 'pod', 'root')).toMatch(
      /Error: container has runAsNonRoot and image will run as root \(pod: "root_default\(\S+\)", container: c\)/,
    );
  });

  it('a container that has ended cannot be attached to, in the words of the kubelet', async () => {
    await applyPod('over', {
      containers: [
        { name: 'done', image: 'busybox', command: ['true'] },
        { name: 'on', image: 'nginx' },
      ],
      restartPolicy: 'Never',
    });
    await eventually('the end of one container', async () => {
      const { status } = await cluster.get<Pod>('pod', 'over');
      return status?.containerStatuses?.some(({ state }) => state?.terminated !== undefined);
    });
    const { stderr } = await cluster.kubectl(['attach', 'over', '-c', 'done']);
    expect(stderr).toContain('unable to upgrade connection: container done not found in pod over_default');
  });
});
