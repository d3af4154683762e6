import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '@orrery/kit/logger.ts';
import { type NatsServer, startNats } from '../../../../test/support/nats-server.ts';
import { type Broker, connectNats } from './nats.ts';

let server: NatsServer;
let broker: Broker;

beforeEach(async () => {
  server = await startNats();
  broker = connectNats(server.url, silentLogger());
  await vi.waitUntil(() => broker.connected, 5_000);
});

afterEach(async () => {
  await broker.close();
  await server.stop();
});

describe('a broker', () => {
  it('gives up a NATS that takes nothing, however much was sent to it, and finds it again', async () => {
    const changes: boolean[] = [];
    const received: number[] = [];
    broker.onStatus((connected) => changes.push(connected));
    broker.subscribe('numbers', (data) => received.push(data[0]!));
    broker.publish('numbers', new Uint8Array([1]));
    await vi.waitFor(() => expect(received).toEqual([1]), 5_000);
    await server.kill('SIGSTOP');
    // More than all buffers between here and there hold.
    for (let i = 0; i < 40; i += 1) broker.publish('others', new Uint8Array(500_000));
    await vi.waitFor(() => expect(changes).toContain(false), 10_000);
    await server.kill('SIGCONT');
    await vi.waitFor(() => expect(changes.at(-1)).toBe(true), 10_000);
    broker.publish('numbers', new Uint8Array([2]));
    await vi.waitFor(() => expect(received).toEqual([1, 2]), 5_000);
  });

  it('keeps nothing for a NATS that is away', async () => {
    await server.kill('SIGKILL');
    await vi.waitFor(() => expect(broker.connected).toBe(false), 5_000);
    expect(broker.publish('numbers', new Uint8Array([1]))).toBe(false);
  });
});
