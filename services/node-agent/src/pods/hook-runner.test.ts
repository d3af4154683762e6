import { beforeEach, describe, expect, it } from 'vitest';
import type { LifecycleHandler, Pod } from '@orrery/api/gen/types.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import type { HttpRequest, HttpResponse } from '../network/network.ts';
import type { ExecIo, Signal } from '../process/process.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { isolatedNetwork } from '../test-support/cluster-parts.ts';
import { boundPod, container } from '../test-support/objects.ts';
import { containerConfigFor, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { ContainerHookRunner } from './hook-runner.ts';

const POD_IP = '10.244.0.5';
const WHOSE = 'for Container "web" in Pod "web_default(uid)"';

let clock: ManualClock;
let hooks: ContainerHookRunner;
let abort: AbortController;
let signals: Signal[];
let requests: HttpRequest[];
let respond: () => HttpResponse | Promise<HttpResponse>;
let execute: (io: ExecIo, argv: readonly string[]) => Promise<number>;

beforeEach(() => {
  clock = new ManualClock();
  abort = new AbortController();
  signals = [];
  requests = [];
  respond = () => ({ status: 200 });
  const network = isolatedNetwork(() => '10.0.0.1');
  const stack = network.attach({ ...sandboxConfigFor('uid'), podUid: 'uid', ip: POD_IP });
  stack.listen(8080, {
    http: (request) => {
      requests.push(request);
      return respond();
    },
  });
  hooks = new ContainerHookRunner({
    clock,
    network,
    runtime: {
      exec: (_id, argv, io) => ({
        ended: execute(io, argv),
        signal: (signal) => void signals.push(signal),
        resize: () => undefined,
      }),
      podSandboxStatus: () => ({ node: 'node-1', ip: POD_IP }) as PodSandbox,
    },
  });
});

function run(hook: LifecycleHandler): Promise<void> {
  const ports = [{ name: 'admin', containerPort: 8080 }];
  const pod = boundPod('web', { containers: [container('web', { ports })] }, { uid: 'uid' }) as Pod;
  const web = { ...containerConfigFor('web'), id: 'c1', podSandboxId: 's1' } as Container;
  return hooks.run(pod, web, hook, abort.signal);
}

/** What becomes of a hook once all that needs no time has happened. */
async function stateOf(running: Promise<void>): Promise<string> {
  let state = 'runs';
  running.then(
    () => (state = 'over'),
    (error: Error) => (state = error.message),
  );
  await settle();
  return state;
}

describe('an exec hook', () => {
  const hook: LifecycleHandler = { exec: { command: ['/bin/sh', '-c', 'exit 3'] } };

  it('is over when its command has succeeded', async () => {
    const ran: (readonly string[])[] = [];
    execute = (_io, argv) => {
      ran.push(argv);
      return Promise.resolve(0);
    };
    await run(hook);
    expect(ran).toEqual([['/bin/sh', '-c', 'exit 3']]);
  });

  it('fails with its command, and says what that printed', async () => {
    execute = async ({ stdout, stderr }) => {
      await stdout?.write('working\n');
      await stderr?.write('oh no\n');
      return 3;
    };
    await expect(run(hook)).rejects.toThrow(
      `Exec lifecycle hook ([/bin/sh -c exit 3]) ${WHOSE} failed - error: command '/bin/sh -c exit 3' exited with 3: oh no\n, message: "working\\noh no\\n"`,
    );
  });

  it('fails when the command cannot be started', async () => {
    execute = () => Promise.reject(new Error('no such file'));
    await expect(run(hook)).rejects.toThrow(/failed - error: no such file, message: ""$/);
  });

  it('is killed when nobody waits for it any more', async () => {
    execute = () => new Promise(() => undefined);
    const running = run(hook);
    expect(await stateOf(running)).toBe('runs');
    abort.abort();
    expect(await stateOf(running)).toContain('failed - error: context canceled');
    expect(signals).toEqual(['SIGKILL']);
  });
});

describe('an http hook', () => {
  it('asks the container from the node, by the name of a port', async () => {
    await run({ httpGet: { port: 'admin', path: '/drain' } });
    expect(requests[0]).toMatchObject({ target: '/drain', remoteAddress: '10.0.0.1' });
    expect(requests[0]!.headers['user-agent']).toBe('kube-lifecycle/1.34');
  });

  it('takes any answer', async () => {
    respond = () => ({ status: 500 });
    await run({ httpGet: { port: 8080, path: '/drain' } });
  });

  it('fails when there is none', async () => {
    await expect(run({ httpGet: { port: 9, path: '/drain' } })).rejects.toThrow(
      `HTTP lifecycle hook (/drain) ${WHOSE} failed - error: Get "http://${POD_IP}:9/drain": dial tcp ${POD_IP}:9: connect: connection refused`,
    );
  });

  it('ends when nobody waits for it any more', async () => {
    respond = () => new Promise(() => undefined);
    const running = run({ httpGet: { port: 8080 } });
    expect(await stateOf(running)).toBe('runs');
    abort.abort();
    expect(await stateOf(running)).toContain('context canceled');
  });
});

describe('a sleep hook', () => {
  it('sleeps on the cluster’s clock', async () => {
    const running = run({ sleep: { seconds: 5 } });
    await clock.advance(4_999);
    expect(await stateOf(running)).toBe('runs');
    await clock.advance(1);
    expect(await stateOf(running)).toBe('over');
  });

  it('fails when it is cut short', async () => {
    const running = run({ sleep: { seconds: 5 } });
    abort.abort();
    expect(await stateOf(running)).toBe(
      `Sleep lifecycle hook (5) ${WHOSE} failed - error: container terminated before sleep hook finished`,
    );
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a hook of another kind', () => {
  it('fails when it is run', async () => {
    await expect(run({ tcpSocket: { port: 80 } })).rejects.toThrow(
      'Cannot run handler: invalid handler: {"tcpSocket":{"port":80}}',
    );
  });
});
