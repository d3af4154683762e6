import { describe, expect, test } from 'vitest';
import { put } from '../test-support/container-files.ts';
import { ContainerUnderTest, started } from '../test-support/container-under-test.ts';
import { argvOf, environmentOf, workingDirOf } from './programs.ts';
import { containerConfigFor } from '../test-support/runtime-parts.ts';

describe('the command line', () => {
  const image = { entrypoint: ['/entry'], cmd: ['serve', '-v'] };
  test.each([
    ['the image decides', [], [], image, ['/entry', 'serve', '-v']],
    ['arguments replace those of the image', [], ['check'], image, ['/entry', 'check']],
    ['a command replaces all', ['/bin/run'], [], image, ['/bin/run']],
    ['command and arguments replace all', ['/bin/run'], ['-x'], image, ['/bin/run', '-x']],
    ['without an entrypoint arguments are the command', [], ['ls', '-l'], { cmd: ['sh'] }, ['ls', '-l']],
    ['an image may say nothing', [], [], {}, []],
    [
      'an entrypoint script becomes what follows it',
      [],
      ['redis-server', '--port', '1'],
      { entrypoint: ['docker-entrypoint.sh'], cmd: ['redis-server'] },
      ['redis-server', '--port', '1'],
    ],
    [
      'and takes flags for those of its command',
      [],
      ['--port', '1'],
      { entrypoint: ['docker-entrypoint.sh'], cmd: ['redis-server'] },
      ['redis-server', '--port', '1'],
    ],
  ])('%s', (_, command, args, profile, expected) => {
    expect(argvOf({ command, args }, profile)).toEqual(expected);
  });
});

const NOT_FOUND =
  'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ';

describe('a container that starts', () => {
  test.each([
    ['an unknown image runs until it is stopped', { image: 'example.com/app' }, undefined],
    ['with arguments too', { image: 'example.com/app', args: ['serve'] }, undefined],
    ['and with a command that nobody knows', { image: 'example.com/app', command: ['/app/run'] }, undefined],
    [
      'as an init container it succeeds',
      { image: 'example.com/app', runsToCompletion: true },
      { exitCode: 0, reason: 'Completed' },
    ],
    [
      'a known command of an unknown image runs',
      { image: 'example.com/app', command: ['sh', '-c', 'exit 3'] },
      { exitCode: 3, reason: 'Error' },
    ],
    [
      'by its path too',
      { image: 'example.com/app', command: ['/bin/sh', '-c', 'exit 3'] },
      { exitCode: 3, reason: 'Error' },
    ],
    [
      'but not a stranger of that name',
      { image: 'example.com/app', command: ['/opt/sh', '-c', 'exit 3'] },
      undefined,
    ],
    ['a shell that nobody types to ends', { image: 'busybox' }, { exitCode: 0, reason: 'Completed' }],
    ['pause sleeps', { image: 'registry.k8s.io/pause:3.10' }, undefined],
    ['as an init container too', { image: 'registry.k8s.io/pause:3.10', runsToCompletion: true }, undefined],
    [
      'a command that a known image lacks fails',
      { image: 'nginx', command: ['foo'] },
      {
        exitCode: 128,
        reason: 'StartError',
        message: `${NOT_FOUND}exec: "foo": executable file not found in $PATH: unknown`,
      },
    ],
    [
      'or a path',
      { image: 'nginx', command: ['/foo'] },
      {
        exitCode: 128,
        reason: 'StartError',
        message: `${NOT_FOUND}exec: "/foo": stat /foo: no such file or directory: unknown`,
      },
    ],
    [
      'or a shell, in an image without one',
      { image: 'registry.k8s.io/etcd:3.6.4-0', command: ['sh'] },
      {
        exitCode: 128,
        reason: 'StartError',
        message: `${NOT_FOUND}exec: "sh": executable file not found in $PATH: unknown`,
      },
    ],
    [
      'or bash, in one with busybox',
      { image: 'alpine', command: ['bash'] },
      {
        exitCode: 128,
        reason: 'StartError',
        message: `${NOT_FOUND}exec: "bash": executable file not found in $PATH: unknown`,
      },
    ],
    [
      'no command at all fails',
      { image: 'polinux/stress' },
      { exitCode: 128, reason: 'StartError', message: `${NOT_FOUND}no command specified: unknown` },
    ],
    [
      'an annotation comes before command and image',
      { image: 'nginx', command: ['foo'], behavior: { runSeconds: 0, exitCode: 7 } },
      { exitCode: 7, reason: 'Error' },
    ],
  ])('%s', async (_, config, expected) => {
    const container = await started(config);
    await container.advance(0);
    expect(container.exit).toEqual(expected);
  });

  test('runs a script among its files by its interpreter', async () => {
    const container = new ContainerUnderTest({ image: 'busybox', command: ['/run.sh', 'b'] });
    put(container.files, '/run.sh', '#!/usr/bin/env sh\necho "$0 $1"; exit 4\n');
    container.files.setMode('/run.sh', 0o755);
    await container.start();
    expect([container.log, container.exit?.exitCode]).toEqual(['/run.sh b\n', 4]);
  });

  test('may not run a file that is not executable', async () => {
    const container = new ContainerUnderTest({ image: 'busybox', command: ['/run.sh'] });
    put(container.files, '/run.sh', '#!/bin/sh\n');
    await container.start();
    expect(container.exit?.message).toContain('exec: "/run.sh": permission denied');
  });

  test('gives up on a script that names itself', async () => {
    const container = new ContainerUnderTest({ image: 'busybox', command: ['/run.sh'] });
    put(container.files, '/run.sh', '#!/run.sh\n');
    container.files.setMode('/run.sh', 0o755);
    await container.start();
    expect(container.exit?.message).toContain('exec: "/run.sh": exec format error');
  });
});

describe('an exec', () => {
  test("finds commands, the image's own programs, and scripts", async () => {
    const container = await started({ image: 'redis' });
    put(container.files, '/usr/local/bin/hi', '#!/bin/sh\necho "hi $1"\n');
    container.files.setMode('/usr/local/bin/hi', 0o755);
    expect(await container.exec('sh', '-c', 'exit 5')).toMatchObject({ exitCode: 5 });
    expect(await container.exec('redis-cli', 'ping')).toEqual({ exitCode: 0, stdout: 'PONG\n', stderr: '' });
    expect(await container.exec('/usr/local/bin/hi', 'you')).toMatchObject({ stdout: 'hi you\n' });
    expect(await container.exec('sh', '-c', 'redis-cli get x; redis-cli incr x')).toMatchObject({
      stdout: '\n1\n',
    });
  });

  test.each([
    ['example.com/app', 'foo', 'exec: "foo": executable file not found in $PATH: unknown'],
    ['registry.k8s.io/pause', '/bin/sh', 'exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown'],
  ])('in %s of %s fails in the words of runc', async (image, command, words) => {
    const container = await started({ image });
    await expect(container.exec(command)).rejects.toThrow(
      `OCI runtime exec failed: exec failed: unable to start container process: ${words}`,
    );
  });
});

test('a process has the variables of its image, and those of the pod over them', () => {
  const config = containerConfigFor('c', {
    image: 'tomcat',
    env: [
      ['CATALINA_HOME', '/x'],
      ['A', '1'],
    ],
    tty: true,
  });
  expect(Object.fromEntries(environmentOf(config, 'web-0'))).toEqual({
    A: '1',
    CATALINA_HOME: '/x',
    HOME: '/root',
    HOSTNAME: 'web-0',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    TERM: 'xterm',
  });
});

test.each([
  ['redis', '', '/data'],
  ['redis', '/tmp', '/tmp'],
  ['example.com/app', '', '/'],
])('a container of %s with working directory %j starts in %s', (image, workingDir, expected) => {
  expect(workingDirOf({ image, workingDir })).toBe(expected);
});
