import { describe, expect, test } from 'vitest';
import { POD_IP, started } from '../../test-support/container-under-test.ts';
import { knownImage } from './catalog.ts';
import { DATABASES } from './databases.ts';
import { readCommands } from './redis.ts';

const PASSWORDS = ['MYSQL_ROOT_PASSWORD', 'POSTGRES_PASSWORD'].map((name) => [name, 'x'] as const);

describe('every one of them', () => {
  test.each(Object.keys(DATABASES))(
    '%s starts, listens, and ends on TERM without a timer left',
    async (image) => {
      const container = await started({ image, env: PASSWORDS });
      expect(container.exit).toBeUndefined();
      const ports = container.pod.ports();
      expect(ports).not.toEqual([]);
      const connection = await container.node.connect(POD_IP, ports[0]!.port);
      connection.destroy();
      expect(container.task.usage().memoryBytes).toBe(
        knownImage(image)!.profile.idle!.memoryMiB * 1024 * 1024,
      );
      container.task.signal('SIGTERM');
      await container.rest();
      expect(container.exit?.exitCode).toBeOneOf([0, 143]);
      expect(container.clock.pendingTimers).toBe(0);
    },
  );

  test.each([
    ['mysql:8', 'MYSQL_ALLOW_EMPTY_PASSWORD'],
    ['mariadb', 'MARIADB_ROOT_PASSWORD'],
    ['postgres:17', 'POSTGRES_HOST_AUTH_METHOD'],
  ])('%s fails without a password, and says which variables help', async (image, variable) => {
    const without = await started({ image });
    expect(without.exit).toMatchObject({ exitCode: 1, reason: 'Error' });
    expect(without.log).toContain(variable);
    const helped = await started({ image, env: [[variable, 'trust']] });
    expect(helped.exit).toBeUndefined();
  });
});

describe('redis', () => {
  test.each([
    ['PING\r\n', '+PONG\r\n'],
    ['*1\r\n$4\r\nPING\r\n', '+PONG\r\n'],
    ['SET a b\nGET a\nGET c\n', '+OK\r\n$1\r\nb\r\n$-1\r\n'],
    ['INCR n\nINCRBY n 5\nDECR n\n', ':1\r\n:6\r\n:5\r\n'],
    ['SET a x\nINCR a\n', '+OK\r\n-ERR value is not an integer or out of range\r\n'],
    [
      'SET a 1\nSET b 2\nKEYS *\nDEL a b c\nDBSIZE\n',
      '+OK\r\n+OK\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n:2\r\n:0\r\n',
    ],
    [
      'RPUSH l a b\nLPUSH l c\nLRANGE l 0 -1\nLPOP l\nRPOP l\nLLEN l\nGET l\n',
      ':2\r\n:3\r\n*3\r\n$1\r\nc\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nb\r\n:1\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n',
    ],
    ['*2\r\n$3\r\nGET\r\n$3\r\na\r\nb\r\n', '$-1\r\n'],
    ['FLY\n', "-ERR unknown command 'FLY', with args beginning with: \r\n"],
  ])('answers %j', async (said, expected) => {
    const container = await started({ image: 'redis' });
    expect(await container.say(6_379, said)).toBe(expected);
  });

  test('reads commands however they arrive in pieces', () => {
    const text = '*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n';
    for (let cut = 0; cut <= text.length; cut += 1) {
      const first = readCommands(text.slice(0, cut));
      const second = readCommands(first.rest + text.slice(cut));
      expect([...first.commands, ...second.commands]).toEqual([['GET', 'a'], ['PING']]);
      expect(second.rest).toBe('');
    }
  });

  test('counts what it holds, up to a bound', async () => {
    const container = await started({ image: 'redis' });
    const before = container.task.usage().memoryBytes;
    await container.say(6_379, `SET a ${'x'.repeat(1_000)}\n`);
    expect(container.task.usage().memoryBytes - before).toBe(1_001);
    const much = `SET b ${'x'.repeat(900_000)}\n`;
    for (let count = 0; count < 20; count += 1) await container.say(6_379, much.replace('b', `b${count}`));
    expect(await container.say(6_379, much)).toMatch(/^-OOM /);
  });
});
