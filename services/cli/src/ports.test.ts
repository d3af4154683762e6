import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { allocatePorts, portTrouble } from './ports.ts';

const servers: Server[] = [];

async function occupy(port: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

describe('allocatePorts', () => {
  it('gives every name a free port of its own, outside the range of outgoing connections', async () => {
    const ports = Object.values(await allocatePorts(['a', 'b', 'c'], {}, []));
    expect(new Set(ports).size).toBe(3);
    for (const port of ports) {
      expect(port).toBeGreaterThanOrEqual(16_384);
      expect(port).toBeLessThan(32_768);
      expect(await portTrouble(port)).toBeUndefined();
    }
  });

  it('keeps the ports of the last start, but for those that are taken now', async () => {
    const before = await allocatePorts(['a', 'b'], {}, []);
    await occupy(before.b);
    const now = await allocatePorts(['a', 'b'], before, []);
    expect(now.a).toBe(before.a);
    expect(now.b).not.toBe(before.b);
    expect(await portTrouble(before.b)).toBe('taken');
  });

  it('leaves the reserved ports alone', async () => {
    const before = await allocatePorts(['a'], {}, []);
    expect(await allocatePorts(['a'], before, [before.a])).not.toEqual(before);
  });
});
