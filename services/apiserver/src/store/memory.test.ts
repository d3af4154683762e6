import { describe, expect, it } from 'vitest';
import { describeStore, fill } from './conformance.ts';
import { createMemoryStore } from './memory.ts';
import { CompactedError, StoreUnavailableError } from './store.ts';

describeStore('memory', async (options) => {
  const store = createMemoryStore(options);
  return { store, dispose: () => store.close() };
});

describe('memory: what tests can do to it', () => {
  it('rejects every call while it is away', async () => {
    const store = createMemoryStore();
    store.available = false;
    await expect(store.get('pods', 'a/x')).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(fill(store, 'pods', 1)).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  it('moves past every revision when it is rolled back, and says so', async () => {
    const store = createMemoryStore();
    await fill(store, 'pods', 5);
    let told = 0;
    store.onRollback(() => (told += 1));
    store.rollBack();
    expect(told).toBe(1);
    expect(await store.currentRevision()).toBeGreaterThan(5);
    await expect(store.eventsAfter('pods', 5, 10)).rejects.toBeInstanceOf(CompactedError);
  });
});
