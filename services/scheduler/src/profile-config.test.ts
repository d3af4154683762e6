import { describe, expect, it } from 'vitest';
import { SchedulingCycle } from './cycle.ts';
import { parseSchedulerConfig, SchedulerConfigError } from './profile-config.ts';
import { podInfo } from './snapshot/pod-info.ts';
import { makePod } from './test-support/fake-cluster.ts';
import { NO_STORAGE, snapshotOf } from './test-support/verdicts.ts';

const FILE = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };

const MOST_ALLOCATED = {
  name: 'NodeResourcesFit',
  args: { scoringStrategy: { type: 'MostAllocated', resources: [{ name: 'cpu', weight: 1 }] } },
};

/** Where a profile puts a pod: one node is half full, the other empty. */
function choice(profile: object): string | undefined {
  const profiles = parseSchedulerConfig({ ...FILE, profiles: [profile] }).profiles(NO_STORAGE);
  const busy = makePod({ name: 'busy', requests: { cpu: '2' }, spec: { nodeName: 'half' } });
  const snapshot = snapshotOf([{ name: 'half' }, { name: 'empty' }], [busy]);
  const [only] = profiles.values();
  const cycle = new SchedulingCycle({ profile: only!, snapshot, random: () => 0 });
  return cycle.decide(podInfo(makePod({ name: 'p', requests: { cpu: '1' } }))).nodeName;
}

describe('a configuration file', () => {
  it('gives profiles by the name that pods give', () => {
    const config = parseSchedulerConfig({ ...FILE, profiles: [{}, { schedulerName: 'packing' }] });
    expect(config.schedulerNames).toEqual(['default-scheduler', 'packing']);
  });

  it('can prefer full nodes to empty ones', () => {
    expect(choice({})).toBe('empty');
    const plugins = { score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeResourcesFit' }] } };
    expect(choice({ plugins, pluginConfig: [MOST_ALLOCATED] })).toBe('half');
  });

  it('can go by a line from utilization to score', () => {
    const shape = [
      { utilization: 0, score: 0 },
      { utilization: 100, score: 10 },
    ];
    const scoringStrategy = { type: 'RequestedToCapacityRatio', requestedToCapacityRatio: { shape } };
    const plugins = { multiPoint: { enabled: [{ name: 'NodeResourcesFit', weight: 100 }] } };
    expect(choice({ plugins, pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy } }] })).toBe(
      'half',
    );
  });

  it('switches plugins off, and weighs those that are on', () => {
    const plugins = {
      filter: { disabled: [{ name: 'NodeResourcesFit' }] },
      score: { disabled: [{ name: 'ImageLocality' }], enabled: [{ name: 'TaintToleration', weight: 7 }] },
    };
    const [profile] = parseSchedulerConfig({ ...FILE, profiles: [{ plugins }] })
      .profiles(NO_STORAGE)
      .values();
    expect(profile!.filters.map(({ name }) => name)).not.toContain('NodeResourcesFit');
    const weights = Object.fromEntries(profile!.scores.map(({ name, weight }) => [name, weight]));
    expect(weights).toMatchObject({ TaintToleration: 7, NodeResourcesFit: 1 });
    expect(weights).not.toHaveProperty('ImageLocality');
  });

  it('tells everything that is wrong at once, by field', () => {
    const read = (): unknown =>
      parseSchedulerConfig({
        ...FILE,
        kind: 'Config',
        percentageOfNodesToScore: 101,
        leaderElection: {},
        profiles: [
          { schedulerName: 'a', plugins: { score: { enabled: [{ name: 'Magic', weight: 0 }] }, permit: {} } },
          {
            schedulerName: 'a',
            pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'Best' } } }],
          },
        ],
      });
    expect(read).toThrow(SchedulerConfigError);
    try {
      read();
    } catch (error) {
      const { problems } = error as SchedulerConfigError;
      expect(problems.map((each) => each.split(': ')[0])).toEqual([
        'leaderElection',
        'kind',
        'percentageOfNodesToScore',
        'profiles[0].plugins.permit',
        'profiles[0].plugins.score.enabled[0].name',
        'profiles[0].plugins.score.enabled[0].weight',
        'profiles[1].pluginConfig[0].args.scoringStrategy.type',
        'profiles[1].schedulerName',
      ]);
    }
  });
});
