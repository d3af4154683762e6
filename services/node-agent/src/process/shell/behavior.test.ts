import { describe, expect, it } from 'vitest';
import { echo, NetworkUnderTest, says } from '../../test-support/network-under-test.ts';
import { filesFor, put, textOf } from '../../test-support/container-files.ts';
import { Container, runScript } from '../../test-support/shell-under-test.ts';
import { Pipe } from '../pipe.ts';

describe('scripts of the Kubernetes documentation', () => {
  it('a sidecar counts into a log that another container follows', async () => {
    const script = 'i=0; while true; do echo "$i: $(date)" >> /var/log/1.log; i=$((i+1)); sleep 1; done';
    const counter = await new Container(['sh', '-c', script]).start();
    const { files, clock } = counter;
    const reader = await new Container(['sh', '-c', 'tail -n+1 -F /var/log/1.log'], { files, clock }).start();
    await counter.advance(3_500);
    expect(reader.stdout).toBe(
      [0, 1, 2, 3].map((each) => `${each}: Thu Jan  1 00:00:0${each} UTC 2026\n`).join(''),
    );
  });

  it('an init container waits for a Service', async () => {
    const network = new NetworkUnderTest();
    const stack = network.attach('init', '10.244.0.9');
    put(new Container(['sh']).files, '/tmp/x', '');
    const script =
      'until nslookup myservice.default.svc.cluster.local; do echo waiting for myservice; sleep 2; done';
    const container = await new Container(['sh', '-c', script], { network: stack }).start();
    await container.advance(4_500);
    expect(container.stdout.match(/waiting for myservice/g)).toHaveLength(3);
    expect(container.stderr).toContain("nslookup: can't resolve 'myservice.default.svc.cluster.local'");
  });

  it('the downward API is printed again and again', async () => {
    const script = "while true; do echo -en '\\n'; printenv MY_NODE_NAME MY_POD_NAME; sleep 10; done;";
    const env = { MY_NODE_NAME: 'node-1', MY_POD_NAME: 'web' };
    const container = await new Container(['sh', '-c', script], { env }).start();
    await container.advance(10_500);
    expect(container.stdout).toBe('\nnode-1\nweb\n\nnode-1\nweb\n');
  });

  it.each([
    ['if [[ -e /etc/podinfo/labels ]]; then echo -en "\\n\\n"; cat /etc/podinfo/labels; fi', '\n\na="b"\n'],
    [
      'echo Hello from the postStart handler > /usr/share/message; cat /usr/share/message',
      'Hello from the postStart handler\n',
    ],
    ['sleep 10 && echo Sleep expired > /dev/termination-log; cat /dev/termination-log', 'Sleep expired\n'],
    ['while killall -0 nginx; do sleep 1; done', ''],
    [
      'apt-get update -q && apt-get install -y curl > /dev/null && echo installed',
      'apt-get: simulated: there are no package lists to read, and none are needed.\ninstalled\n',
    ],
    ['perl -Mbignum=bpi -wle "print bpi(30)"', '3.14159265358979323846264338328\n'],
    ['echo to the log > /proc/1/fd/1', 'to the log\n'],
  ])('%s', async (script, stdout) => {
    const { files } = new Container(['sh']);
    files.makeDirectory('/etc/podinfo', { recursive: true });
    files.makeDirectory('/usr/share', { recursive: true });
    put(files, '/etc/podinfo/labels', 'a="b"\n');
    expect((await runScript(script, { files })).stdout).toBe(stdout);
  });

  it('a load generator asks a server every ten milliseconds', async () => {
    const network = new NetworkUnderTest();
    const server = network.attach('php', '10.244.0.8');
    let asked = 0;
    server.listen(80, { http: () => ({ status: 200, body: `OK${(asked += 1)}!` }) });
    const stack = network.attach('load', '10.244.0.9');
    const script = 'while sleep 0.01; do wget -q -O- http://10.244.0.8; done';
    const container = await new Container(['sh', '-c', script], { network: stack }).start();
    for (let left = 20; left > 0; left -= 1) await container.advance(10);
    expect(asked).toBeGreaterThan(8);
    expect(container.stdout).toMatch(/^OK1!OK2!OK3!/);
  });
});

describe('signals', () => {
  it('process 1 does not hear TERM, unless it traps it', async () => {
    const deaf = await new Container(['sh', '-c', 'sleep 3; echo end']).start();
    deaf.signal('SIGTERM');
    await deaf.advance(4_000);
    expect(deaf.exit?.exitCode).toBe(0);
    expect(deaf.stdout).toBe('end\n');
  });

  it('a trap runs when the command in the foreground has ended', async () => {
    const container = await new Container([
      'sh',
      '-c',
      'trap "echo bye; exit 0" TERM; sleep 3; echo after',
    ]).start();
    container.signal('SIGTERM');
    await container.advance(1_000);
    expect(container.stdout).toBe('');
    await container.advance(2_500);
    expect(container.stdout).toBe('bye\n');
    expect(container.exit?.exitCode).toBe(0);
  });

  it('a trap interrupts wait', async () => {
    const container = await new Container([
      'sh',
      '-c',
      'trap "echo bye; exit 4" TERM; sleep 300 & wait',
    ]).start();
    container.signal('SIGTERM');
    await container.rest();
    expect(container.stdout).toBe('bye\n');
    expect(container.exit?.exitCode).toBe(4);
  });

  it('a kill ends everything at once and leaves no timer', async () => {
    const container = await new Container([
      'sh',
      '-c',
      'sleep 9 & while true; do sleep 1; echo x | cat; done',
    ]).start();
    await container.advance(1_500);
    container.signal('SIGKILL');
    const printed = container.stdout;
    await container.advance(20_000);
    expect(container.stdout).toBe(printed);
    expect(container.clock.pendingTimers).toBe(0);
  });

  it('jobs are processes that ps shows', async () => {
    const container = await new Container(['sh', '-c', 'sleep 100 & sleep 200 & wait']).start();
    expect(container.task.pids.entries().map(({ argv }) => argv.join(' '))).toEqual([
      'sh -c sleep 100 & sleep 200 & wait',
      'sleep 100',
      'sleep 200',
    ]);
  });

  it.each(['sleep 600', 'exec sleep 600', 'true && sleep 600'])(
    '%s takes the place of the shell',
    async (script) => {
      const container = await new Container(['sh', '-c', script]).start();
      expect(container.task.pids.entries().map(({ pid, argv }) => [pid, ...argv])).toEqual([
        [1, 'sleep', '600'],
      ]);
    },
  );
});

describe('limits', () => {
  const container = (script: string) => new Container(['sh', '-c', script]).start();

  it.each([
    'while true; do :; done',
    'while :; do x=$((x+1)); done',
    ': | while true; do echo a; done > /dev/null',
  ])('leaves the agent time for others: %s', async (script) => {
    const { task, clock } = await container(script);
    await clock.advance(1_000);
    task.signal('SIGKILL');
    expect(task.exit?.exitCode).toBe(137);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a fork bomb fails to fork', async () => {
    const bomb = await container('bomb() { bomb | bomb & }; bomb; sleep 5');
    await bomb.advance(3_000);
    expect(bomb.task.pids.entries().length).toBeLessThanOrEqual(512);
    bomb.signal('SIGKILL');
    await bomb.rest();
    expect(bomb.clock.pendingTimers).toBe(0);
  });

  it.each([
    ['endless recursion', 'f() { f; }; f', 'nesting level'],
    ['a variable that doubles', 'x=aaaaaaaa; while true; do x=$x$x; done', 'out of memory'],
    ['a substitution without end', 'x=$(yes)', 'out of memory'],
    ['an expression that means itself', 'x=x; echo $((x))', 'recursion'],
    ['words without number', 'echo {1..16000}{1..16000}', 'too long'],
    ['eval of itself', 'x=\'eval "$x"\'; eval "$x"', 'nesting level'],
  ])('%s ends with a message', async (_what, script, message) => {
    const outcome = await runScript(script);
    expect(outcome.stderr).toContain(message);
    expect(outcome.exitCode).not.toBe(0);
  });

  it.each(['if true; then', 'echo "x', 'fi', 'for', 'echo $(', 'case x in', '((', 'a | | b'])(
    'what cannot be parsed is said so, with exit code 2: %s',
    async (script) => {
      const { stderr, exitCode } = await runScript(script);
      expect(stderr).toMatch(/^sh: line 1: syntax error: ./);
      expect(exitCode).toBe(2);
    },
  );

  it('an expression that would be matched for ever is matched in linear time', async () => {
    const text = 'a'.repeat(5_000);
    const outcome = await runScript(
      `echo ${text}b | grep -cE '^(a+)+$'; [[ ${text}b =~ ^(a|aa)+$ ]]; echo $?`,
    );
    expect(outcome.stdout).toBe('0\n1\n');
  });
});

describe('input', () => {
  async function session(shell: string, columns = 80) {
    const container = await new Container(['sleep', '1000']).start();
    const stdin = new Pipe();
    let output = '';
    const stdout = { write: (data: Uint8Array | string) => void (output += Buffer.from(data).toString()) };
    const terminal = { columns, rows: 24 };
    const exec = container.task.exec([shell], { stdin, stdout, terminal });
    const type = async (text: string): Promise<string> => {
      const before = output.length;
      void stdin.write(text);
      await container.rest();
      return output.slice(before);
    };
    await container.rest();
    return { type, exec, container, output: () => output };
  }

  it('busybox prompts with the directory, and echoes what is typed', async () => {
    const { type, output, exec } = await session('sh');
    expect(output()).toBe('/ # ');
    expect(await type('cd /tmp\r')).toBe('cd /tmp\r\n/tmp # ');
    expect(await type('echo hx\x7fi\r')).toBe('echo hx\b \bi\r\nhi\r\n/tmp # ');
    expect(await type('for i in 1 2; do\recho $i\rdone\r')).toContain('1\r\n2\r\n/tmp # ');
    await type('exit 5\r');
    expect(await exec.ended).toBe(5);
  });

  it.each([
    ['as wide as it is', 8, 'a  c\r\nb\r\n'],
    ['80 wide when it does not say', 0, 'a  b  c\r\n'],
  ])('ls fills a terminal, %s', async (_how, columns, listed) => {
    const { type } = await session('sh', columns);
    await type('mkdir /l; cd /l; touch a b c\r');
    expect(await type('ls\r')).toBe(`ls\r\n${listed}/l # `);
  });

  it('bash prompts with user and host; ^C ends what runs, ^D the shell', async () => {
    const { type, output, exec } = await session('bash');
    expect(output()).toBe('root@web-0:/# ');
    await type('sleep 100\r');
    expect(await type('\u0003')).toContain('^C');
    expect(await type('echo $?\r')).toContain('130\r\n');
    expect(await type('nosuch\r')).toContain('\r\nbash: nosuch: command not found\r\n');
    await type('\u0004');
    expect(await exec.ended).toBe(127);
  });

  it('the lines before come back, and can be changed', async () => {
    const { type } = await session('bash');
    await type('echo one\r');
    await type('echo two\r');
    expect(await type('\u001b[A\u001b[A\r')).toMatch(/echo one\S*\r\none\r\n/);
    expect(await type('draft\u001b[A\u001b[B\u0015echo $TERM\r')).toContain('\r\nxterm\r\n');
    expect(await type('\u001b[A\u0001\u001b[C\u001b[C\u001b[C\u001b[Cx\u0017e \r')).toContain('not found');
  });

  it('Tab completes commands and files, or shows which there are', async () => {
    const { type } = await session('sh');
    await type('mkdir -p /data/first /data/second; touch /data/second/only.txt\r');
    expect(await type('unam\t-s\r')).toBe('uname -s\r\nLinux\r\n/ # ');
    expect(await type('ls /da\ts\t\t\r')).toBe('ls /data/second/only.txt \r\n/data/second/only.txt\r\n/ # ');
    expect(await type('ls /data/\t')).toBe('ls /data/\r\nfirst/  second/\r\n/ # ls /data/');
    expect(await type('\u0003')).toContain('/ # ');
    expect(await type('ls /nope\t\r')).toContain('No such file');
  });

  it('a key of two columns is rubbed out whole, and what is no key is passed over', async () => {
    const { type } = await session('sh');
    expect(await type('echo \u4f60\u597d\u007f\u001b[5~\u001bOP\r')).toBe(
      'echo \u4f60\u597d\b\b  \b\b\r\n\u4f60\r\n/ # ',
    );
    await type('cat\r');
    expect(await type('a\u001b[Ab\tc\r')).toBe('ab\tc\r\nab\tc\r\n');
  });

  it('a script comes on standard input, and so does what its commands read', async () => {
    const container = await new Container(['sleep', '1000']).start();
    const stdin = new Pipe();
    void stdin.write('read x\nvalue\necho "got $x"\ncat\nrest of it\n');
    stdin.close();
    const exec = container.exec(['sh'], { stdin });
    await container.rest();
    expect(await exec.ended).toBe(0);
    expect(exec.output()).toBe('got value\nrest of it\n');
  });

  it('a file with a shebang is run by what it names', async () => {
    const { files } = new Container(['sh']);
    put(files, '/tmp/run.sh', '#!/bin/sh\necho "$0 $1 $#"\nexit 3\n');
    const denied = await runScript('/tmp/run.sh', { files });
    expect(denied).toMatchObject({ exitCode: 126, stderr: 'sh: /tmp/run.sh: Permission denied\n' });
    files.setMode('/tmp/run.sh', 0o755);
    expect(await runScript('/tmp/run.sh a b', { files })).toMatchObject({
      exitCode: 3,
      stdout: '/tmp/run.sh a 2\n',
    });
    expect(await runScript('sh /tmp/run.sh; PATH=/tmp run.sh x', { files })).toMatchObject({
      exitCode: 3,
      stdout: '/tmp/run.sh  0\n/tmp/run.sh x 1\n',
    });
  });
});

describe('the network', () => {
  const network = new NetworkUnderTest();
  const server = network.attach('server', '10.244.0.20');
  server.listen(80, says('hello'));
  server.listen(81, {
    http: ({ method, body, headers }) => ({
      status: 404,
      headers: { 'x-m': method },
      body: `${method} ${Buffer.from(body).toString()} ${headers['x-a'] ?? ''}`,
    }),
  });
  server.listen(7777, echo);
  const stack = network.attach('client', '10.244.0.21');

  it.each<[string, string, number?]>([
    ['wget -qO- http://10.244.0.20', 'hello'],
    ['wget -qO- 10.244.0.20:81 2>&1', 'wget: server returned error: HTTP/1.1 404 Not Found\n', 1],
    [
      'wget -q -O- 10.244.0.20:82 2>&1',
      "wget: can't connect to remote host (10.244.0.20): Connection refused\n",
      1,
    ],
    ['wget -qO- http://nowhere 2>&1', "wget: bad address 'nowhere'\n", 1],
    ['wget -q --spider 10.244.0.20 && echo there', 'there\n'],
    ['cd /tmp; wget -q http://10.244.0.20/a.txt; cat a.txt', 'hello'],
    ['curl -s 10.244.0.20', 'hello'],
    ["curl -s -o /dev/null -w '%{http_code}\\n' 10.244.0.20:81", '404\n'],
    ['curl -s -X PUT -d x=1 -H "X-A: b" 10.244.0.20:81', 'PUT x=1 b'],
    ['curl -sSf 10.244.0.20:81 2>&1', 'curl: (22) The requested URL returned error: 404\n', 22],
    ['curl -sS http://nowhere 2>&1', 'curl: (6) Could not resolve host: nowhere\n', 6],
    [
      'curl -sS 10.244.0.20:82 2>&1',
      'curl: (7) Failed to connect to 10.244.0.20 port 82 after 0 ms: Could not connect to server\n',
      7,
    ],
    ['curl -sI 10.244.0.20 | head -1', 'HTTP/1.1 200 OK\r\n'],
    ['echo hi there | nc 10.244.0.20 7777', 'hi there\n'],
    ['nc -zv 10.244.0.20 80 2>&1; nc -z 10.244.0.20 82', '10.244.0.20 (10.244.0.20:80) open\n', 1],
    ['(printf "GET / HTTP/1.0\\r\\n\\r\\n"; sleep 1) | nc 10.244.0.20 80 | tail -1', 'hello'],
    ['ping -c 1 10.244.0.20 | grep received', '1 packets transmitted, 1 packets received, 0% packet loss\n'],
    ['hostname -i; ip a | grep -o "inet 10[.0-9]*"', '10.244.0.21\ninet 10.244.0.21\n'],
    [
      '(echo answer | nc -l -p 9000 > /dev/null) & sleep 1; netstat -tln | grep -c 9000; nc localhost 9000 < /dev/null',
      '1\nanswer\n',
    ],
  ])('%s', async (script, stdout, exitCode = 0) => {
    expect(await runScript(script, { network: stack, clock: network.clock })).toMatchObject({
      stdout,
      exitCode,
    });
  });
});

describe('memory and processor', () => {
  it('stress uses what it is told to', async () => {
    const container = await new Container([
      'stress',
      '--vm',
      '1',
      '--vm-bytes',
      '150M',
      '--vm-hang',
      '1',
    ]).start();
    expect(container.task.usage().memoryBytes).toBeGreaterThanOrEqual(150 * 1024 * 1024);
    const busy = await new Container(['stress', '--cpu', '2']).start();
    expect(busy.task.usage().cpuMilli).toBeGreaterThanOrEqual(2_000);
  });

  it('tail waits for the end of /dev/zero, and keeps what comes', async () => {
    const container = await new Container(['tail', '/dev/zero']).start();
    const held = (): number => container.task.usage().memoryBytes;
    await container.advance(1_000);
    const before = held();
    expect(before).toBeGreaterThanOrEqual(512 * 1024 * 1024);
    await container.advance(1_000);
    expect(held()).toBeGreaterThan(before);
    expect(container.exit).toBeUndefined();
  });

  it('what is written to files stays there', async () => {
    const container = await new Container(['sh', '-c', 'echo a > /tmp/f; echo b >> /tmp/f']).start();
    expect(textOf(container.files, '/tmp/f')).toBe('a\nb\n');
  });
});

describe('echo', () => {
  it.each([
    ['sh', { '/etc/debian_version': '13.1\n' }, 'a\nb\n'],
    ['bash', { '/etc/debian_version': '13.1\n' }, 'a\\nb\n'],
    ['sh', {}, 'a\\nb\n'],
  ])('of %s with %j reads backslashes as dash does, or not', async (shell, image, stdout) => {
    const files = filesFor({ image, programs: ['sh', 'bash'] });
    expect((await runScript(`${shell} -c 'echo "a\\nb"'`, { files })).stdout).toBe(stdout);
  });
});
