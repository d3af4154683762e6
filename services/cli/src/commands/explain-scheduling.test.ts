import { describe, expect, it } from 'vitest';
import { type Explanation, explanationLines } from './explain-scheduling.ts';

const decision: Explanation = {
  pod: 'default/web',
  at: '2026-01-01T00:00:00.000Z',
  nodeName: 'node-2',
  victims: [],
  nodeCount: 5,
  skipped: 2,
  plugins: [
    { name: 'TaintToleration', weight: 3 },
    { name: 'ImageLocality', weight: 1 },
  ],
  nodes: [
    { name: 'node-2', points: [300, 20], total: 320 },
    { name: 'node-10', points: [0, 5], total: 5 },
    { name: 'node-3', rejectedBy: 'NodeResourcesFit', reasons: ['Insufficient cpu', 'Insufficient memory'] },
  ],
};

describe('the explanation of a decision', () => {
  it('shows the points of every node, the chosen one marked, and why others were rejected', () => {
    expect(explanationLines(decision)).toEqual([
      'Pod default/web, decided at 2026-01-01T00:00:00.000Z:',
      '  node node-2',
      '',
      '3 of 5 nodes were looked at; 2 were not: enough others were found, or the pod names its nodes.',
      '',
      'NODE      TOTAL  TaintToleration (x3)  ImageLocality',
      'node-2 *    320                   300             20',
      'node-10       5                     0              5',
      '',
      'NODE    REJECTED BY       BECAUSE',
      'node-3  NodeResourcesFit  Insufficient cpu, Insufficient memory',
    ]);
  });

  it('says why there is no node, and whom the pod waits for', () => {
    const waiting: Explanation = {
      pod: 'default/vip',
      at: '2026-01-01T00:00:00.000Z',
      message: '0/1 nodes are available: 1 Insufficient cpu.',
      nominatedNode: 'node-1',
      victims: ['default/low'],
      nodeCount: 1,
      skipped: 0,
      plugins: [],
      nodes: [{ name: 'node-1', rejectedBy: 'NodeResourcesFit', reasons: ['Insufficient cpu'] }],
    };
    expect(explanationLines(waiting).slice(0, 3)).toEqual([
      'Pod default/vip, decided at 2026-01-01T00:00:00.000Z:',
      '  no node: 0/1 nodes are available: 1 Insufficient cpu.',
      '  promised node node-1 as soon as these have left it: default/low',
    ]);
  });
});
