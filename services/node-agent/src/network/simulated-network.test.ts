import type { Pod } from '@orrery/api/gen/types.ts';
import { settle } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { boundPod } from '../test-support/objects.ts';
import { bodyOf, echo, NetworkUnderTest, readAll, says } from '../test-support/network-under-test.ts';
import { type HttpRequest, MAX_CONNECTIONS, type NetworkErrorCode } from './network.ts';

function failure(code: NetworkErrorCode) {
  return expect.objectContaining({ name: 'NetworkError', code });
}

describe('ports', () => {
  test('of a pod are taken by the first who listens, for each protocol and address', () => {
    const stack = new NetworkUnderTest().attach('web', '10.244.0.2');
    stack.listen(80, echo);
    expect(() => stack.listen(80, echo)).toThrow(failure('EADDRINUSE'));
    expect(() => stack.listen(80, echo, { host: '127.0.0.1' })).toThrow(failure('EADDRINUSE'));
    stack.listen(80, echo, { protocol: 'UDP' });
    stack.listen(81, echo, { host: '127.0.0.1' });
    stack.listen(81, echo, { host: '10.244.0.2' });
    expect(() => stack.listen(81, echo, { host: '::' })).toThrow(failure('EADDRINUSE'));
    expect(() => stack.listen(82, echo, { host: '10.244.0.3' })).toThrow(failure('EADDRNOTAVAIL'));
    expect(stack.ports().map(({ port, protocol, host }) => `${host}:${port}/${protocol}`)).toEqual([
      '0.0.0.0:80/TCP',
      '0.0.0.0:80/UDP',
      '127.0.0.1:81/TCP',
      '10.244.0.2:81/TCP',
    ]);
  });

  test('of two pods do not meet', () => {
    const net = new NetworkUnderTest();
    net.attach('a', '10.244.0.2').listen(80, echo);
    net.attach('b', '10.244.0.3').listen(80, echo);
  });

  test('are free again once they are closed; 0 takes one that is free', () => {
    const stack = new NetworkUnderTest().attach('web', '10.244.0.2');
    stack.listen(80, echo).close();
    stack.listen(80, echo);
    const free = new Set(Array.from({ length: 50 }, () => stack.listen(0, echo).port));
    expect(free.size).toBe(50);
    expect([...free].every((port) => port >= 32_768 && port <= 60_999)).toBe(true);
  });

  test('of a node are shared by its hostNetwork pods and freed when one of them ends', () => {
    const net = new NetworkUnderTest();
    const one = net.attach('one', '10.0.0.10', { hostNetwork: true });
    const two = net.attach('two', '10.0.0.10', { hostNetwork: true });
    one.listen(9100, says('one'));
    two.listen(9200, says('two'));
    expect(() => two.listen(9100, echo)).toThrow(failure('EADDRINUSE'));
    net.agent().detach('one');
    two.listen(9100, echo);
    expect(two.ports().map(({ port }) => port)).toEqual([9200, 9100]);
  });

  test('that are mapped into a pod are taken on its node, and reach the pod', async () => {
    const net = new NetworkUnderTest();
    const pod = boundPod('web', {
      containers: [{ name: 'web', image: 'nginx', ports: [{ containerPort: 80, hostPort: 8080 }] }],
    });
    net.pods.put({
      ...pod,
      metadata: { ...pod.metadata, uid: 'web' },
      status: { podIP: '10.244.0.2' },
    } as Pod);
    net.attach('web', '10.244.0.2').listen(80, says('web'));
    const client = net.attach('client', '10.244.1.2', { node: 'node-2' });
    expect(await bodyOf(client.request('10.0.0.10', 8080, { target: '/' }))).toBe('web');
    expect(() => net.agent().nodeStack('node-1').listen(8080, echo)).toThrow(failure('EADDRINUSE'));
    net.agent().nodeStack('node-2').listen(8080, echo);
  });
});

describe('a connection', () => {
  test('reaches what listens on the address of a pod, and on its localhost only from within', async () => {
    const net = new NetworkUnderTest();
    const web = net.attach('web', '10.244.0.2');
    const other = net.attach('other', '10.244.1.2', { node: 'node-2' });
    web.listen(80, echo);
    web.listen(81, echo, { host: '127.0.0.1' });
    web.listen(82, echo, { host: '10.244.0.2' });
    for (const [from, host, port] of [
      [other, '10.244.0.2', 80],
      [web, 'localhost', 80],
      [web, '10.244.0.2', 80],
      [web, '127.0.0.1', 81],
      [other, '10.244.0.2', 82],
      [net.agent().nodeStack('node-1'), '10.244.0.2', 80],
    ] as const) {
      const connection = await from.connect(host, port);
      connection.end(`to ${host}:${port}`);
      expect(await readAll(connection)).toBe(`to ${host}:${port}`);
    }
    for (const [from, host, port] of [
      [other, '10.244.0.2', 81],
      [web, '10.244.0.2', 81],
      [web, 'localhost', 82],
      [other, '10.244.0.2', 83],
      [other, 'localhost', 80],
    ] as const)
      await expect(from.connect(host, port)).rejects.toEqual(failure('ECONNREFUSED'));
  });

  test('to an address that nobody has fails after three seconds', async () => {
    const net = new NetworkUnderTest();
    const stack = net.attach('web', '10.244.0.2');
    for (const ip of ['10.244.0.9', '10.244.77.1', '10.0.9.9', '8.8.8.8', '10.96.3.4']) {
      let failed: unknown;
      void stack.connect(ip, 80).catch((error: unknown) => (failed = error));
      await net.clock.advance(2_999);
      expect(failed).toBeUndefined();
      await net.clock.advance(1);
      expect(failed).toEqual(failure('EHOSTUNREACH'));
    }
    expect(net.clock.pendingTimers).toBe(0);
  });

  test('is waited for as long as is wanted', async () => {
    const net = new NetworkUnderTest();
    const stack = net.attach('web', '10.244.0.2');
    const late = stack.connect('8.8.8.8', 80, { timeoutMs: 1_000 });
    const unwanted = new AbortController();
    const given = stack.connect('8.8.8.8', 80, { signal: unwanted.signal });
    unwanted.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    void net.clock.advance(1_000);
    await expect(late).rejects.toEqual(failure('ETIMEDOUT'));
    await settle();
    expect(net.clock.pendingTimers).toBe(0);
  });

  test('is reset when either pod ends, and the address is nobody’s then', async () => {
    for (const dead of ['web', 'client']) {
      const net = new NetworkUnderTest();
      const web = net.attach('web', '10.244.0.2');
      const client = net.attach('client', '10.244.0.3');
      const accepted: Promise<string>[] = [];
      web.listen(80, { accept: (connection) => void accepted.push(readAll(connection)) });
      const outcomes = Promise.allSettled([readAll(await client.connect('10.244.0.2', 80)), ...accepted]);
      net.agent().detach(dead);
      expect(await outcomes).toHaveLength(2);
      for (const each of await outcomes)
        expect(each).toEqual({ status: 'rejected', reason: failure('ECONNRESET') });
      expect(web.ports()).toHaveLength(dead === 'web' ? 0 : 1);
    }
  });

  test('that is still looked for ends with its process', async () => {
    const net = new NetworkUnderTest();
    const ended = new AbortController();
    const process = net.attach('web', '10.244.0.2').ofProcess(ended.signal);
    const looking = process.connect('8.8.8.8', 80);
    await settle();
    ended.abort();
    await expect(looking).rejects.toEqual(failure('ECONNRESET'));
    await settle();
    expect(net.clock.pendingTimers).toBe(0);
  });

  test('is one of at most a thousand of its pod', async () => {
    const net = new NetworkUnderTest();
    const web = net.attach('web', '10.244.0.2');
    const client = net.attach('client', '10.244.0.3');
    web.listen(80, echo);
    const open = [];
    for (let count = 0; count < MAX_CONNECTIONS; count += 1)
      open.push(await client.connect('10.244.0.2', 80));
    await expect(client.connect('10.244.0.2', 80)).rejects.toEqual(failure('ECONNREFUSED'));
    open[0]!.end();
    await readAll(open[0]!);
    await settle();
    await client.connect('10.244.0.2', 80);
  });
});

describe('a process that ends', () => {
  test('frees its ports; its connections end after what it has written', async () => {
    const net = new NetworkUnderTest();
    const pod = net.attach('web', '10.244.0.2');
    const client = net.attach('client', '10.244.0.3');
    const ended = new AbortController();
    const process = pod.ofProcess(ended.signal);
    process.listen(80, { accept: (connection) => connection.write('farewell') });
    pod.listen(81, echo);
    const connection = await client.connect('10.244.0.2', 80);
    ended.abort();
    expect(await readAll(connection)).toBe('farewell');
    expect(pod.ports().map(({ port }) => port)).toEqual([81]);
    expect(() => process.listen(82, echo)).toThrow(failure('ECONNRESET'));
    await expect(process.connect('10.244.0.2', 81)).rejects.toEqual(failure('ECONNRESET'));
  });

  test('does not take for ever what is sent to it', async () => {
    const net = new NetworkUnderTest();
    const pod = net.attach('web', '10.244.0.2');
    const ended = new AbortController();
    const held = Promise.withResolvers<void>();
    pod.ofProcess(ended.signal).listen(80, {
      accept: (connection) => {
        connection[Symbol.asyncIterator]()
          .next()
          .then(
            () => held.resolve(),
            () => undefined,
          );
      },
    });
    const connection = await net.attach('client', '10.244.0.3').connect('10.244.0.2', 80);
    connection.write('first');
    await held.promise;
    ended.abort();
    const broken = new Promise((resolve) => connection.once('error', resolve));
    const write = (): void => void connection.write('more', (error) => error ?? void setImmediate(write));
    write();
    expect(await broken).toEqual(failure('ECONNRESET'));
  });
});

test('the documentation’s host outside of the cluster has one page', async () => {
  const stack = new NetworkUnderTest().attach('web', '10.244.0.2', {
    dns: { nameservers: ['10.0.0.2'], searches: [], options: [] },
  });
  expect(await bodyOf(stack.request('info.cern.ch', 80, { target: '/' }))).toContain(
    '<title>http://info.cern.ch</title>',
  );
  expect((await stack.request('info.cern.ch', 80, { target: '/x' })).status).toBe(404);
  await expect(stack.request('info.cern.ch', 443, { target: '/' })).rejects.toEqual(failure('ECONNREFUSED'));
});

describe('HTTP', () => {
  const seen: HttpRequest[] = [];
  const inspect = {
    http: (request: HttpRequest) => {
      seen.push(request);
      return { status: 201, headers: { 'X-Served-By': 'test' }, body: Buffer.from(request.body).toString() };
    },
  };

  test('is the same with bytes and without', async () => {
    seen.length = 0;
    const net = new NetworkUnderTest();
    const web = net.attach('web', '10.244.0.2');
    const client = net.attach('client', '10.244.0.3');
    web.listen(80, inspect);
    // The same service behind a connection of bytes.
    web.listen(81, {
      accept: (connection) => {
        connection.on('error', () => undefined);
        void web.connect('localhost', 80).then((inner) => void connection.pipe(inner).pipe(connection));
      },
    });
    const ask = {
      method: 'POST',
      target: '/path?q=1',
      headers: { 'X-One': 'a', host: 'web' },
      body: 'hello',
    };
    const answers = [
      await client.request('10.244.0.2', 80, ask),
      await client.request('10.244.0.2', 81, ask),
    ];
    for (const each of answers) {
      expect(each).toMatchObject({ status: 201, headers: { 'x-served-by': 'test' } });
      expect(Buffer.from(each.body).toString()).toBe('hello');
    }
    for (const each of seen) {
      expect(each).toMatchObject({
        method: 'POST',
        target: '/path?q=1',
        headers: { 'x-one': 'a', host: 'web' },
      });
    }
    expect(seen.map(({ remoteAddress }) => remoteAddress)).toEqual(['10.244.0.3', '127.0.0.1']);
  });

  test('is spoken to whoever connects by bytes', async () => {
    const net = new NetworkUnderTest();
    net.attach('web', '10.244.0.2').listen(80, {
      http: () => ({ status: 200, headers: { 'content-type': 'text/plain', etag: '"1"' }, body: 'hello' }),
    });
    const connection = await net.attach('client', '10.244.0.3').connect('10.244.0.2', 80);
    connection.write('GET / HTTP/1.0\r\n\r\n');
    expect((await readAll(connection)).split('\r\n')).toEqual([
      'HTTP/1.1 200 OK',
      'Content-Type: text/plain',
      'ETag: "1"',
      'Content-Length: 5',
      'Connection: close',
      '',
      'hello',
    ]);
    const nonsense = await net.attach('client', '10.244.0.3').connect('10.244.0.2', 80);
    nonsense.write('nonsense\r\n\r\n');
    expect(await readAll(nonsense)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('with a handler that fails, a body that is too large, or a peer that speaks otherwise', async () => {
    const net = new NetworkUnderTest();
    const web = net.attach('web', '10.244.0.2');
    const client = net.attach('client', '10.244.0.3');
    web.listen(80, {
      http: () => {
        throw new Error('a bug of the program');
      },
    });
    web.listen(81, echo);
    web.listen(82, { http: () => ({ status: 200, body: Buffer.alloc(17 * 1024 * 1024) }) });
    const get = { target: '/' };
    expect((await client.request('10.244.0.2', 80, get)).status).toBe(500);
    const large = { method: 'POST', target: '/', body: Buffer.alloc(17 * 1024 * 1024) };
    expect((await client.request('10.244.0.2', 80, large)).status).toBe(413);
    await expect(client.request('10.244.0.2', 81, get)).rejects.toEqual(failure('ECONNRESET'));
    await expect(client.request('10.244.0.2', 82, get)).rejects.toEqual(failure('ECONNRESET'));
    const raw = await client.connect('10.244.0.2', 80);
    raw.on('error', () => undefined);
    raw.write(`POST / HTTP/1.1\r\nhost: web\r\ncontent-length: ${large.body.length}\r\n\r\n`);
    raw.write(large.body);
    expect(await readAll(raw)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('ends with its pods, with its caller and with its time, and leaves nothing open', async () => {
    const net = new NetworkUnderTest();
    const web = net.attach('web', '10.244.0.2');
    const client = net.attach('client', '10.244.0.3');
    const never = { http: () => new Promise<never>(() => undefined) };
    web.listen(80, never);
    const get = { target: '/' };
    const late = client.request('10.244.0.2', 80, get, { timeoutMs: 1_000 });
    void net.clock.advance(1_000);
    await expect(late).rejects.toEqual(failure('ETIMEDOUT'));
    const unwanted = new AbortController();
    const given = client.request('10.244.0.2', 80, get, { signal: unwanted.signal });
    unwanted.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    const cut = client.request('10.244.0.2', 80, get);
    await settle();
    net.agent().detach('web');
    await expect(cut).rejects.toEqual(failure('ECONNRESET'));
    expect(net.clock.pendingTimers).toBe(0);
  });
});
