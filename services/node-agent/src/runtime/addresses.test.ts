import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressRange, nodeAddress, podCidr, podRangePrefix } from './addresses.ts';

describe('ranges and addresses of nodes', () => {
  test.each([
    [0, '10.244.0.0/24', '10.0.0.10'],
    [255, '10.244.255.0/24', '10.0.1.9'],
    [256, '10.128.0.0/24', '10.0.1.10'],
    [9_999, '10.166.15.0/24', '10.0.39.25'],
  ])('of node %i', (index, cidr, address) => {
    expect([podCidr(index), nodeAddress(index)]).toEqual([cidr, address]);
  });

  test('are different for the largest fleet', () => {
    const indexes = Array.from({ length: 10_000 }, (_, index) => index);
    expect(new Set([...indexes.map(podRangePrefix), ...indexes.map(nodeAddress)]).size).toBe(20_000);
  });
});

describe('a range', () => {
  test('gives each of its 253 addresses once, then refuses', () => {
    const range = new AddressRange('10.244.3');
    const given = Array.from({ length: 253 }, () => range.allocate());
    expect([given[0], given.at(-1)]).toEqual(['10.244.3.2', '10.244.3.254']);
    expect(new Set(given).size).toBe(253);
    expect(() => range.allocate()).toThrow(
      'failed to allocate for range 0: no IP addresses available in range set: 10.244.3.2-10.244.3.254',
    );
  });

  test('lets a freed address rest as long as it can', () => {
    const range = new AddressRange('10.244.3');
    range.release(range.allocate());
    expect(range.allocate()).toBe('10.244.3.3');
    for (let count = 0; count < 251; count += 1) range.allocate();
    expect(range.allocate()).toBe('10.244.3.2');
  });

  test('keeps what was reserved, once', () => {
    const range = new AddressRange('10.244.3');
    expect(range.reserve('10.244.3.2')).toBe(true);
    expect(range.reserve('10.244.3.2')).toBe(false);
    expect(range.allocate()).toBe('10.244.3.3');
  });

  test('takes no notice of addresses that are not its own', () => {
    const range = new AddressRange('10.244.3');
    for (const ip of ['10.244.31.2', '10.0.0.10', '10.244.3.255', '10.244.3.1', '10.244.3.x', '']) {
      expect(range.reserve(ip)).toBe(true);
      range.release(ip);
    }
    expect(range.taken).toBe(0);
  });

  test('never has two owners of one address, and loses none', () => {
    const host = fc.integer({ min: 2, max: 254 });
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant({ what: 'allocate' as const, host: 0 }) },
      fc.record({ what: fc.constantFrom('reserve', 'release'), host }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const range = new AddressRange('10.244.3');
        const owned = new Set<string>();
        for (const { what, host: number } of steps) {
          const ip = `10.244.3.${number}`;
          if (what === 'allocate') {
            if (owned.size === 253) continue;
            const given = range.allocate();
            expect(owned.has(given)).toBe(false);
            owned.add(given);
          } else if (what === 'reserve') {
            expect(range.reserve(ip)).toBe(!owned.has(ip));
            owned.add(ip);
          } else {
            range.release(ip);
            owned.delete(ip);
          }
        }
        expect(range.taken).toBe(owned.size);
        while (owned.size < 253) owned.add(range.allocate());
        expect(range.taken).toBe(253);
      }),
    );
  });
});
