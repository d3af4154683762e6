import { describe, expect, it } from 'vitest';
import { fitErrorMessage } from './fit-error.ts';

const plugins = new Set<string>();

describe('fitErrorMessage', () => {
  it.each([
    {
      nodeCount: 3,
      reasons: { 'Insufficient cpu': 3 },
      text: '0/3 nodes are available: 3 Insufficient cpu.',
    },
    {
      nodeCount: 12,
      reasons: { 'node(s) were unschedulable': 1, 'Insufficient memory': 2, 'Insufficient cpu': 11 },
      text: '0/12 nodes are available: 1 node(s) were unschedulable, 11 Insufficient cpu, 2 Insufficient memory.',
    },
    { nodeCount: 0, reasons: {}, text: 'no nodes available to schedule pods' },
  ])('says: $text', ({ nodeCount, reasons, text }) => {
    expect(fitErrorMessage({ nodeCount, reasons: new Map(Object.entries(reasons)), plugins })).toBe(text);
  });

  it('says why looking at nodes was pointless', () => {
    const unfit = 'pod affinity terms conflict';
    expect(fitErrorMessage({ nodeCount: 3, reasons: new Map(), unfit, plugins })).toBe(
      '0/3 nodes are available: pod affinity terms conflict.',
    );
  });
});
