import { describe, expect, it } from 'vitest';
import type { StoreEvent } from '../store/store.ts';
import { EventRing } from './ring.ts';

function eventAt(revision: number, length = 10): StoreEvent {
  const value = 'x'.repeat(length);
  return {
    resource: 'pods',
    revision,
    previous: revision - 1,
    type: 'ADDED',
    key: 'a/x',
    value,
    before: undefined,
  };
}

const revisionsOf = (events: readonly StoreEvent[]): number[] => events.map(({ revision }) => revision);

describe('EventRing', () => {
  it('holds what came after its start', () => {
    const ring = new EventRing(10, 100);
    ring.push([eventAt(11), eventAt(14)]);
    ring.push([eventAt(20)]);
    expect(ring.start).toBe(10);
    expect(revisionsOf(ring.after(10))).toEqual([11, 14, 20]);
    expect(revisionsOf(ring.after(13))).toEqual([14, 20]);
    expect(revisionsOf(ring.after(14))).toEqual([20]);
    expect(ring.after(20)).toEqual([]);
  });

  it('drops the oldest beyond its limit, and starts after the last one dropped', () => {
    const ring = new EventRing(0, 3);
    ring.push([1, 2, 3, 4, 5].map((revision) => eventAt(revision)));
    expect(ring).toMatchObject({ size: 3, start: 2 });
    expect(revisionsOf(ring.after(2))).toEqual([3, 4, 5]);
  });

  it('counts the bytes that it holds', () => {
    const ring = new EventRing(0, 1_000);
    ring.push([eventAt(1, 100), eventAt(2, 3_000)]);
    const full = ring.bytes;
    expect(full).toBeGreaterThan(3_100);
    ring.dropOldest();
    expect(full - ring.bytes).toBeGreaterThanOrEqual(100);
    ring.dropOldest();
    expect(ring.bytes).toBe(0);
    ring.dropOldest();
    expect(ring).toMatchObject({ bytes: 0, size: 0, start: 2 });
  });

  it('stays in order over thousands of events that come and go', () => {
    const ring = new EventRing(0, 150);
    for (let revision = 1; revision <= 5_000; revision += 1) ring.push([eventAt(revision)]);
    expect(revisionsOf(ring.after(4_900))).toEqual(Array.from({ length: 100 }, (_, i) => 4_901 + i));
    expect(ring).toMatchObject({ size: 150, start: 4_850 });
  });

  it('begins again after a revision when it is cleared', () => {
    const ring = new EventRing(0, 10);
    ring.push([eventAt(1), eventAt(2)]);
    ring.clear(50);
    expect(ring).toMatchObject({ size: 0, start: 50, bytes: 0 });
    ring.push([eventAt(51)]);
    expect(revisionsOf(ring.after(50))).toEqual([51]);
  });
});
