/** What kubectl does inside of pods: logs, exec, attach, cp, port-forward, debug, run; over both of its protocols. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pod } from '@orrery/api/gen/types.ts';
import { get } from '@orrery/kit/http.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type KubectlOptions, TestCluster } from '../support/cluster.ts';
import type { Outcome } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, nodeAgents: 2 });
  await eventually('the default service account', () =>
    cluster.kubectl(['get', 'serviceaccount', 'default']).then(({ code }) => code === 0),
  );
  await Promise.all([
    run('talker', 'echo one; echo two; echo three >&2; sleep 3600'),
    run('ticker', 'while true; do echo tick; sleep 1; done'),
    run('shell', 'sleep 3600'),
    cluster.kubectlOk(['run', 'web', '--image=nginx', '--port=80']),
  ]);
  await cluster.kubectlOk(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s']);
});
afterAll(() => cluster.remove());

function run(name: string, script: string, ...flags: string[]): Promise<string> {
  return cluster.kubectlOk(['run', name, '--image=busybox', ...flags, '--', 'sh', '-c', script]);
}

function apply(manifest: object): Promise<string> {
  return cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
}

/** A pod of shell scripts, by container. */
function pod(name: string, scripts: Record<string, string>, labels: Record<string, string> = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      containers: Object.entries(scripts).map(([container, script]) => ({
        name: container,
        image: 'busybox',
        command: ['sh', '-c', script],
      })),
    },
  };
}

describe('kubectl logs', () => {
  const logs = (...args: string[]): Promise<string> => cluster.kubectlOk(['logs', ...args]);
  const failed = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await cluster.kubectl(['logs', ...args]);
    expect(code).toBe(1);
    return stderr;
  };

  it('shows both streams, the last lines, and when they were printed', async () => {
    expect(await logs('talker')).toBe('one\ntwo\nthree\n');
    expect(await logs('talker', '--tail=1')).toBe('three\n');
    expect(await logs('talker', '--limit-bytes=5')).toBe('one\nt');
    expect(await logs('talker', '--timestamps', '--tail=1')).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z three\n$/,
    );
    expect(await logs('talker', '--since=1h')).toBe('one\ntwo\nthree\n');
    expect(await logs('talker', '--since-time=2099-01-01T00:00:00Z')).toBe('');
  });

  it('follows until the container is over', async () => {
    await run('short', 'for i in 1 2 3; do echo $i; sleep 1; done', '--restart=Never');
    await eventually('a log', () => cluster.kubectl(['logs', 'short']).then(({ code }) => code === 0));
    expect(await logs('short', '--follow')).toBe('1\n2\n3\n');
  });

  it('follows what goes on, until it is stopped', async () => {
    const follow = await cluster.startKubectl(['logs', '-f', 'ticker', '--tail=1']);
    await eventually('three ticks', () => Promise.resolve(follow.output.split('tick').length > 3));
    follow.stop();
    await follow.ended;
  });

  it('shows the run before the last', async () => {
    await run('crash', 'echo run; exit 1');
    await eventually('a restart', async () => {
      const { status } = await cluster.get<Pod>('pod', 'crash');
      return (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0;
    });
    expect(await logs('crash', '--previous')).toBe('run\n');
    expect(await failed('talker', '--previous')).toContain(
      'previous terminated container "talker" in pod "talker" not found',
    );
  });

  it('shows all containers, and all pods of a selector, each by its name', async () => {
    await apply(pod('pair', { a: 'echo from a; sleep 3600', b: 'echo from b; sleep 3600' }, { app: 'pair' }));
    await cluster.kubectlOk(['wait', '--for=condition=Ready', 'pod/pair', '--timeout=30s']);
    const all = await logs('pair', '--all-containers', '--prefix');
    expect(all.split('\n').toSorted()).toEqual(['', '[pod/pair/a] from a', '[pod/pair/b] from b']);
    expect(await logs('-l', 'app=pair', '-c', 'b')).toBe('from b\n');
    expect(await failed('pair', '-c', 'none')).toContain('container none is not valid for pod pair');
    expect(
      await cluster.kubectlOk(['get', '--raw', '/api/v1/namespaces/default/pods/pair/log?container=a']),
    ).toBe('from a\n');
  });

  it('says what a container waits for', async () => {
    await apply({
      ...pod('never', { c: 'true' }),
      spec: {
        initContainers: [{ name: 'first', image: 'busybox', command: ['sh', '-c', 'sleep 3600'] }],
        containers: [{ name: 'c', image: 'busybox' }],
      },
    });
    await eventually('the init container', async () => {
      const { status } = await cluster.get<Pod>('pod', 'never');
      return status?.initContainerStatuses?.[0]?.state?.running !== undefined;
    });
    expect(await failed('never', '-c', 'c')).toContain(
      'container "c" in pod "never" is waiting to start: PodInitializing',
    );
  });

  it('are still there, and go on, after the node agents were killed', async () => {
    const before = (await logs('ticker')).split('\n').length;
    for (const { name } of await cluster.processes()) {
      if (name.startsWith('node-agent')) await cluster.signal(name, 'SIGKILL');
    }
    await eventually('more ticks than before', async () => {
      const { code, stdout } = await cluster.kubectl(['logs', 'ticker']);
      return code === 0 && stdout.split('\n').length > before + 2;
    });
    const talked = await eventually('the log on the other node', async () => {
      const { code, stdout } = await cluster.kubectl(['logs', 'talker']);
      return code === 0 ? stdout : undefined;
    });
    // A script that does not note down where it stands begins anew, in the same container.
    expect(talked).toMatch(/^one\ntwo\nthree\n/);
    const { status } = await cluster.get<Pod>('pod', 'ticker');
    expect(status?.containerStatuses?.[0]?.restartCount).toBe(0);
    expect(await cluster.kubectlOk(['exec', 'ticker', '--', 'echo', 'still here'])).toBe('still here\n');
  });
});

describe.each([
  ['WebSocket', '1.35', {}],
  ['WebSocket', '1.34', {}],
  ['SPDY', '1.34', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }],
] as const)('over %s, kubectl %s', (protocol, version, env) => {
  const tag = `${protocol.toLowerCase()}-${version.replace('.', '-')}`;
  const kubectl = (args: string[], options: KubectlOptions = {}): Promise<Outcome> =>
    cluster.kubectl(args, { version, env, ...options });
  const ok = (args: string[], options: KubectlOptions = {}): Promise<string> =>
    cluster.kubectlOk(args, { version, env, ...options });

  it('exec prints, and ends with the exit code of the command', async () => {
    const outcome = await kubectl(['exec', 'shell', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    expect(outcome).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\ncommand terminated with exit code 7\n',
    });
  });

  it('exec takes megabytes on stdin, and its end', async () => {
    const input = 'x'.repeat(3_000_000);
    expect((await ok(['exec', '-i', 'shell', '--', 'wc', '-c'], { input })).trim()).toBe('3000000');
    expect(await ok(['exec', '-i', 'shell', '--', 'cat'], { input })).toBe(input);
  });

  it('exec says why nothing was executed', async () => {
    const missing = await kubectl(['exec', 'shell', '--', 'no-such-program']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('exec: "no-such-program": executable file not found in $PATH');
    const other = await kubectl(['exec', 'shell', '-c', 'other', '--', 'ls']);
    expect(other.stderr).toContain('container other is not valid for pod shell');
    expect((await kubectl(['exec', 'nobody', '--', 'ls'])).stderr).toContain('pods "nobody" not found');
  });

  it('exec has a terminal where the user has one', async () => {
    const args = ['exec', '-it', 'shell', '--', 'sh', '-c', 'echo on a terminal; exit 4'];
    const { code, stdout } = await cluster.kubectlOnTerminal(args, { version, env });
    expect(stdout).toContain('on a terminal');
    expect(stdout).not.toContain('Unable to use a TTY');
    expect(code).toBe(4);
  });

  it('attach shows what process 1 prints', async () => {
    const attach = await cluster.startKubectl(['attach', 'ticker'], { version, env });
    await eventually('two ticks', () => Promise.resolve(attach.output.split('tick\n').length > 2));
    attach.stop();
    await attach.ended;
  });

  it('cp copies in and out', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orrery-cp-'));
    const content = 'content of a file\n'.repeat(20_000);
    await writeFile(join(directory, 'in.txt'), content);
    await ok(['cp', join(directory, 'in.txt'), `shell:/tmp/${tag}.txt`]);
    await ok(['cp', `shell:/tmp/${tag}.txt`, join(directory, 'out.txt')]);
    expect(await readFile(join(directory, 'out.txt'), 'utf8')).toBe(content);
    await rm(directory, { recursive: true });
  });

  it('port-forward carries HTTP to the server in the pod', async () => {
    const [good, bad] = [await freePort(), await freePort()];
    const forward = await cluster.startKubectl(['port-forward', 'pod/web', `${good}:80`, `${bad}:81`], {
      version,
      env,
    });
    await eventually('forwarding', () => Promise.resolve(forward.output.includes(`${bad} -> 81`)));
    expect(await statusOf(good)).toBe(200);
    expect(await statusOf(good)).toBe(200);
    expect(await statusOf(bad)).toBeUndefined();
    await eventually('the reason', () => Promise.resolve(forward.output.includes('connection refused')));
    forward.stop();
    await forward.ended;
  });

  it('run -i --rm shows what the pod says, takes what is typed, and leaves nothing behind', async () => {
    const name = `once-${tag}`;
    const args = ['run', name, '-i', '--rm', '--restart=Never', '--image=busybox', '--', 'sh', '-c'];
    const { stdout } = await kubectl([...args, 'read line; echo "read $line"'], { input: 'typed\n' });
    expect(stdout).toContain('read typed');
    expect((await kubectl(['get', 'pod', name])).stderr).toContain('not found');
  });

  it('debug adds a container and attaches to it', async () => {
    const name = `debugger-${tag}`;
    const args = ['debug', 'web', '-i', '--image=busybox', '-c', name, '--', 'sh', '-c'];
    const { stdout } = await kubectl([...args, 'read line; echo "debug $line"'], { input: 'typed\n' });
    expect(stdout).toContain('debug typed');
  });
});

/** The status of an HTTP answer on a local port; undefined when there is none. */
function statusOf(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/', agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', () => resolve(undefined));
  });
}
