import { describe, expect, it } from 'vitest';
import { SchedulingCycle } from './cycle.ts';
import { DecisionLog } from './decision-log.ts';
import { explanation } from './explanation-page.ts';
import { defaultPlugins } from './plugins/registry.ts';
import { podInfo } from './snapshot/pod-info.ts';
import { makePod } from './test-support/fake-cluster.ts';
import { NO_STORAGE, snapshotOf } from './test-support/verdicts.ts';

const NOTHING = { message: undefined, nominatedNode: undefined, victims: [] };

function decide(log: DecisionLog, name: string, cpu: string): void {
  const snapshot = snapshotOf([{ name: 'big' }, { name: 'small', allocatable: { cpu: '1' } }]);
  const cycle = new SchedulingCycle({ profile: defaultPlugins(NO_STORAGE), snapshot, random: () => 0 });
  const info = podInfo(makePod({ name, requests: { cpu } }));
  const decision = cycle.decide(info);
  log.record(info, 0, decision.trace, { ...NOTHING, nodeName: decision.nodeName });
}

describe('the log of decisions', () => {
  it('says of each node why it was rejected or what it was worth', () => {
    const log = new DecisionLog();
    decide(log, 'a', '2');
    expect(log.explain('default/a')).toMatchObject({
      nodeName: 'big',
      nodeCount: 2,
      skipped: 0,
      nodes: [
        { name: 'big' },
        { name: 'small', rejectedBy: 'NodeResourcesFit', reasons: ['Insufficient cpu'] },
      ],
    });
    decide(log, 'b', '500m');
    const explained = log.explain('default/b')!;
    expect(explained.plugins.map(({ name }) => name)).toContain('NodeResourcesFit');
    for (const { points = [], total } of explained.nodes) {
      expect(total).toBe(points.reduce((sum, each) => sum + each, 0));
    }
  });

  it('keeps the latest about each pod, and forgets the oldest first', () => {
    const log = new DecisionLog();
    for (let index = 0; index < 1_001; index += 1) decide(log, `p${index}`, '2');
    expect(log.explain('default/p0')).toBeUndefined();
    expect(log.explain('default/p1')).toBeDefined();
    expect(log.explain('default/p1000')).toBeDefined();
  });
});

describe('the page', () => {
  it('asks for a pod, and says when nothing is known about it', () => {
    const log = new DecisionLog();
    decide(log, 'a', '2');
    const ask = (query: string): number => explanation(log, new URLSearchParams(query)).code;
    expect([ask(''), ask('pod=a'), ask('pod=default/x'), ask('pod=default/a')]).toEqual([400, 400, 404, 200]);
  });
});
