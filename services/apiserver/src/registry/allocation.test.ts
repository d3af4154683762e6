import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../store/memory.ts';
import type { Store } from '../store/store.ts';
import { type Allocations, createAllocations } from './allocation.ts';

const IPS = 'clusterips.internal';

async function putService(store: Store, name: string, uid: string, spec: object): Promise<void> {
  const tail = `"},"spec":${JSON.stringify(spec)}}`;
  await store.create('services', `default/${name}`, {
    head: `{"metadata":{"name":"${name}","namespace":"default","uid":"${uid}","resourceVersion":"`,
    tail,
  });
}

function setUp(): { store: Store; allocations: Allocations } {
  const store = createMemoryStore();
  return { store, allocations: createAllocations(store) };
}

describe('allocations', () => {
  it('never give one address twice', async () => {
    const { allocations } = setUp();
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, index) => allocations.allocateClusterIp(`u${index}`)),
    );
    expect(new Set(all).size).toBe(200);
    for (const ip of all) expect(ip).toMatch(/^10\.96\.(?!0\.)\d+\.\d+$/);
  });

  it('give the next free port when a random one is taken, until none is left', async () => {
    const { store, allocations } = setUp();
    for (let port = 30_000; port <= 32_767; port += 1) {
      if (port === 30_005) continue;
      await store.create('nodeports.internal', String(port), {
        head: '{"metadata":{"resourceVersion":"',
        tail: '"},"owner":"x"}',
      });
    }
    expect(await allocations.allocateNodePort('u1')).toBe(30_005);
    await expect(allocations.allocateNodePort('u2')).rejects.toThrow(
      'failed to allocate a nodePort: range is full',
    );
  });

  it('refuse what is out of range', async () => {
    const { allocations } = setUp();
    for (const ip of ['10.96.0.0', '10.96.255.255', '10.97.0.1', '10.96.1.300', 'x']) {
      await expect(allocations.allocateClusterIp('u', ip)).rejects.toThrow('is not in the valid range');
    }
    await expect(allocations.allocateNodePort('u', 80, 'spec.ports[0].nodePort')).rejects.toThrow(
      'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    );
  });

  it('give the holder what it holds', async () => {
    const { allocations } = setUp();
    expect(await allocations.allocateClusterIp('u1', '10.96.0.9')).toBe('10.96.0.9');
    expect(await allocations.allocateClusterIp('u1', '10.96.0.9')).toBe('10.96.0.9');
    await expect(allocations.allocateClusterIp('u2', '10.96.0.9')).rejects.toThrow('already allocated');
    await allocations.releaseClusterIp('10.96.0.9', 'u2');
    await expect(allocations.allocateClusterIp('u2', '10.96.0.9')).rejects.toThrow('already allocated');
    await allocations.releaseClusterIp('10.96.0.9', 'u1');
    expect(await allocations.allocateClusterIp('u2', '10.96.0.9')).toBe('10.96.0.9');
  });
});

describe('the repair pass', () => {
  it('frees what has been unused for two passes', async () => {
    const { store, allocations } = setUp();
    await allocations.allocateClusterIp('gone', '10.96.0.9');
    await allocations.allocateNodePort('gone', 30_001);
    expect(await allocations.repairAllocations()).toEqual({ freed: 0, recorded: 0, conflicts: [] });
    expect(await allocations.repairAllocations()).toEqual({ freed: 2, recorded: 0, conflicts: [] });
    expect(await store.get(IPS, '10.96.0.9')).toBeUndefined();
  });

  it('keeps what a Service came to use in between', async () => {
    const { store, allocations } = setUp();
    await allocations.allocateClusterIp('u1', '10.96.0.9');
    await allocations.repairAllocations();
    await putService(store, 'web', 'u1', { clusterIP: '10.96.0.9' });
    expect((await allocations.repairAllocations()).freed).toBe(0);
    expect((await allocations.repairAllocations()).freed).toBe(0);
  });

  it('keeps what was taken anew in between', async () => {
    const { allocations } = setUp();
    await allocations.allocateClusterIp('u1', '10.96.0.9');
    await allocations.repairAllocations();
    await allocations.releaseClusterIp('10.96.0.9', 'u1');
    await allocations.allocateClusterIp('u2', '10.96.0.9');
    expect((await allocations.repairAllocations()).freed).toBe(0);
  });

  it('records what is used without an entry, and names what two use', async () => {
    const { store, allocations } = setUp();
    await putService(store, 'a', 'u1', { clusterIP: '10.96.0.9', ports: [{ nodePort: 30_001 }] });
    expect(await allocations.repairAllocations()).toEqual({ freed: 0, recorded: 2, conflicts: [] });
    await allocations.releaseNodePort(30_001, 'u1');
    await allocations.allocateNodePort('u2', 30_001);
    expect((await allocations.repairAllocations()).conflicts).toEqual(['30001']);
  });
});
