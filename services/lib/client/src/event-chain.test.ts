import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventChain, type Link } from './event-chain.ts';

/** A chain of events with these revisions, the first after `start`. */
function chainOf(revisions: readonly number[]): Link[] {
  return revisions.map((revision, i) => ({ revision, previous: revisions[i - 1] ?? 0 }));
}

function collector(
  position: number,
  limit?: number,
): { chain: EventChain<Link>; delivered: number[]; runs: number[][] } {
  const delivered: number[] = [];
  const runs: number[][] = [];
  const chain = new EventChain<Link>({
    position,
    deliver: (events) => {
      const revisions = events.map(({ revision }) => revision);
      runs.push(revisions);
      delivered.push(...revisions);
    },
    ...(limit === undefined ? {} : { limit }),
  });
  return { chain, delivered, runs };
}

describe('EventChain', () => {
  it('delivers events that follow on each other as one run', () => {
    const { chain, runs } = collector(0);
    chain.offer(chainOf([2, 5, 9]));
    expect(runs).toEqual([[2, 5, 9]]);
    expect(chain).toMatchObject({ position: 9, hasGap: false });
  });

  it('holds an event back until the one before it has come', () => {
    const { chain, runs } = collector(0);
    const [first, second, third] = chainOf([2, 5, 9]) as [Link, Link, Link];
    chain.offer([third]);
    chain.offer([second]);
    expect(runs).toEqual([]);
    expect(chain).toMatchObject({ position: 0, hasGap: true });
    chain.offer([first]);
    expect(runs).toEqual([[2, 5, 9]]);
    expect(chain.hasGap).toBe(false);
  });

  it('ignores what it has delivered, and what was known at the start', () => {
    const { chain, delivered } = collector(4);
    chain.offer(chainOf([2, 5, 9]));
    chain.offer(chainOf([2, 5, 9]));
    expect(delivered).toEqual([5, 9]);
  });

  it('starts between two events when the start is the revision of something else', () => {
    const { chain, delivered } = collector(7);
    chain.offer([{ revision: 9, previous: 5 }]);
    expect(delivered).toEqual([9]);
  });

  it('delivers what waited when a refill says that nothing is missing up to a revision', () => {
    const { chain, delivered } = collector(2);
    chain.offer([{ revision: 9, previous: 5 }]);
    chain.offer([{ revision: 12, previous: 9 }]);
    expect(delivered).toEqual([]);
    chain.skipTo(7);
    expect(delivered).toEqual([9, 12]);
    expect(chain).toMatchObject({ position: 12, hasGap: false });
  });

  it('never goes back', () => {
    const { chain, delivered } = collector(0);
    chain.offer(chainOf([2, 5]));
    chain.skipTo(3);
    expect(chain.position).toBe(5);
    expect(delivered).toEqual([2, 5]);
  });

  it('forgets what waits when it is reset', () => {
    const { chain, delivered } = collector(0);
    chain.offer([{ revision: 9, previous: 5 }]);
    chain.reset(20);
    expect(chain).toMatchObject({ position: 20, hasGap: false });
    chain.offer([{ revision: 21, previous: 9 }]);
    expect(delivered).toEqual([21]);
  });

  it('still knows of a gap when it had no room for the events after it', () => {
    const { chain, delivered } = collector(0, 2);
    const events = chainOf([1, 2, 3, 4, 5]);
    chain.offer(events.slice(1));
    chain.offer(events.slice(0, 1));
    expect(delivered).toEqual([1, 2, 3]);
    expect(chain.hasGap).toBe(true);
    chain.offer(events);
    expect(delivered).toEqual([1, 2, 3, 4, 5]);
    expect(chain.hasGap).toBe(false);
  });

  describe('whatever happens on the way', () => {
    const history = fc
      .uniqueArray(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 60 })
      .map((revisions) => chainOf(revisions.toSorted((a, b) => a - b)));
    /** What arrives: any events in any order, any number of times, in any batches; and refills in between. */
    const arrivals = history.chain((events) =>
      fc.record({
        events: fc.constant(events),
        start: fc.integer({ min: 0, max: 320 }),
        limit: fc.constantFrom(1, 3, 1_000),
        steps: fc.array(
          fc.oneof(
            { arbitrary: fc.array(fc.constantFrom(...events), { maxLength: 20 }), weight: 4 },
            { arbitrary: fc.record({ refill: fc.integer({ min: 1, max: 10 }) }), weight: 1 },
          ),
          { maxLength: 30 },
        ),
      }),
    );

    const refill = (chain: EventChain<Link>, log: readonly Link[], limit: number): void => {
      const page = log.filter(({ revision }) => revision > chain.position).slice(0, limit);
      chain.offer(page);
    };

    it('every event comes exactly once and in order, after a refill at the latest', () => {
      fc.assert(
        fc.property(arrivals, ({ events, start, limit, steps }) => {
          const { chain, delivered } = collector(start, limit);
          const expected = events.map(({ revision }) => revision).filter((revision) => revision > start);
          for (const step of steps) {
            if (Array.isArray(step)) chain.offer(step);
            else refill(chain, events, step.refill);
            expect(delivered).toEqual(expected.slice(0, delivered.length));
            expect(chain.position).toBe(delivered.at(-1) ?? start);
          }
          refill(chain, events, events.length);
          expect(delivered).toEqual(expected);
          expect(chain.hasGap).toBe(false);
        }),
      );
    });

    it('it knows of a gap if and only if an event came that is not delivered', () => {
      fc.assert(
        fc.property(arrivals, ({ start, limit, steps }) => {
          const { chain } = collector(start, limit);
          let newest = start;
          for (const step of steps) {
            if (!Array.isArray(step)) continue;
            chain.offer(step);
            newest = Math.max(newest, ...step.map(({ revision }) => revision));
            expect(chain.hasGap).toBe(newest > chain.position);
          }
        }),
      );
    });

    it('a list at any revision in between loses and repeats nothing that came after it', () => {
      fc.assert(
        fc.property(arrivals, fc.integer({ min: 0, max: 320 }), ({ events, start, steps }, listed) => {
          const { chain, delivered } = collector(start);
          const batches = steps.filter((step) => Array.isArray(step));
          for (const batch of batches) chain.offer(batch);
          const before = [...delivered];
          const known = Math.max(listed, chain.position);
          chain.skipTo(listed);
          chain.offer(events.filter(({ revision }) => revision > chain.position));
          const after = events.map(({ revision }) => revision).filter((revision) => revision > known);
          expect(delivered).toEqual([...before, ...after]);
          expect(chain.hasGap).toBe(false);
        }),
      );
    });
  });
});
