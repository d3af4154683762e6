import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, it } from 'vitest';
import { Expectations } from './expectations.ts';

function set() {
  const clock = new ManualClock();
  return { clock, expectations: new Expectations(clock) };
}

describe('expectations', () => {
  it('are met when there are none', () => {
    expect(set().expectations.satisfied('a')).toBe(true);
  });

  it('wait for every creation, and count none twice that was both given up and seen', () => {
    const { expectations } = set();
    expectations.expectCreations('a', ['x', 'y']);
    expectations.creationObserved('a', 'x');
    expectations.creationObserved('a', 'x');
    expect(expectations.satisfied('a')).toBe(false);
    expectations.creationObserved('a', 'y');
    expect(expectations.satisfied('a')).toBe(true);
  });

  it('count a deletion once, however often it is seen', () => {
    const { expectations } = set();
    expectations.expectDeletions('a', ['u1', 'u2']);
    expectations.deletionObserved('a', 'u1');
    expectations.deletionObserved('a', 'u1');
    expectations.deletionObserved('a', 'u3');
    expect(expectations.satisfied('a')).toBe(false);
    expectations.deletionObserved('a', 'u2');
    expect(expectations.satisfied('a')).toBe(true);
  });

  it('do not let creations of others pay for own ones to come', () => {
    const { expectations } = set();
    expectations.creationObserved('a', 'x');
    expectations.expectCreations('a', ['x']);
    expectations.creationObserved('a', 'y');
    expect(expectations.satisfied('a')).toBe(false);
  });

  it('are kept per key', () => {
    const { expectations } = set();
    expectations.expectCreations('a', ['x']);
    expectations.creationObserved('b', 'x');
    expect(expectations.satisfied('a')).toBe(false);
    expect(expectations.satisfied('b')).toBe(true);
  });

  it('are given up after five minutes', async () => {
    const { clock, expectations } = set();
    expectations.expectCreations('a', ['x']);
    await clock.advance(299_999);
    expect(expectations.satisfied('a')).toBe(false);
    await clock.advance(1);
    expect(expectations.satisfied('a')).toBe(true);
  });

  it('go with their owner', () => {
    const { expectations } = set();
    expectations.expectDeletions('a', ['u1']);
    expectations.forget('a');
    expect(expectations.satisfied('a')).toBe(true);
  });
});
