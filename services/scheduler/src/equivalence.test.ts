import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Decision, SchedulingCycle } from './cycle.ts';
import { defaultPlugins } from './plugins/registry.ts';
import { type Candidate, victimsOn } from './preemption/candidates.ts';
import { Nominator } from './preemption/nominator.ts';
import { ClusterCache } from './snapshot/cluster-cache.ts';
import { NodeChanges } from './snapshot/node-changes.ts';
import type { NodeInfo } from './snapshot/node-info.ts';
import { type PodInfo, podInfo } from './snapshot/pod-info.ts';
import { makeNode, makePod } from './test-support/fake-cluster.ts';
import { NO_STORAGE, snapshotOf } from './test-support/verdicts.ts';

const PROFILE = defaultPlugins(NO_STORAGE);
const NODES = ['n0', 'n1', 'n2', 'n3'];

type Refusal = Extract<Decision, { nodeName: undefined }>;

/** All that a refusal tells, whatever the order in which it was found. */
function told({ diagnosis, helpable, trace }: Refusal): unknown {
  const verdicts = trace.rejected.map((node, index) => {
    const { plugin, rejection } = trace.rejections[index]!;
    return `${node.name} ${plugin.name} ${rejection.reasons.join()} ${rejection.resolvable}`;
  });
  return {
    nodeCount: diagnosis.nodeCount,
    reasons: Object.fromEntries(diagnosis.reasons),
    plugins: [...diagnosis.plugins].sort(),
    helpable: helpable.map(({ name }) => name).sort(),
    verdicts: verdicts.sort(),
  };
}

type Step =
  | { do: 'decide'; cpu: number; tolerates: boolean; priority: number }
  | { do: 'place'; node: number; cpu: number; priority: number }
  | { do: 'remove'; which: number }
  | { do: 'node'; node: number; tainted: boolean; cordoned: boolean; cpu: number }
  | { do: 'lose'; node: number }
  | { do: 'promise'; node: number; cpu: number; priority: number }
  | { do: 'break'; which: number };

const index = fc.nat({ max: NODES.length - 1 });
const cpu = fc.integer({ min: 1, max: 4 });
const priority = fc.constantFrom(0, 5, 10);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('decide' as const), cpu, tolerates: fc.boolean(), priority }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('place' as const), node: index, cpu, priority }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('node' as const),
      node: index,
      tainted: fc.boolean(),
      cordoned: fc.boolean(),
      cpu,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), node: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('promise' as const), node: index, cpu, priority }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), which: fc.nat() }) },
);

class World {
  readonly cache = new ClusterCache();
  readonly nominator = new Nominator((name) => this.cache.notePromise(name));
  readonly cycle = this.#newCycle();
  readonly #placed: string[] = [];
  readonly #promised: string[] = [];
  #pods = 0;

  constructor() {
    for (const name of NODES) this.cache.setNode(makeNode({ name }));
  }

  #newCycle(): SchedulingCycle {
    const { cache: snapshot, nominator } = this;
    return new SchedulingCycle({ profile: PROFILE, snapshot, nominator, random: () => 0 });
  }

  #pod(cpus: number, priority: number, spec: object = {}): PodInfo {
    this.#pods += 1;
    return podInfo(
      makePod({ name: `p${this.#pods}`, requests: { cpu: String(cpus) }, spec: { priority, ...spec } }),
    );
  }

  /** For a decision: what is told of it with what was kept, and without. */
  take(next: Step): { kept: unknown; naive: unknown } | undefined {
    switch (next.do) {
      case 'decide':
        return this.#decide(next);
      case 'place': {
        const info = this.#pod(next.cpu, next.priority);
        this.cache.assume(info, NODES[next.node]!);
        this.#placed.push(info.uid);
        return undefined;
      }
      case 'remove': {
        const [uid] = this.#placed.splice(next.which % Math.max(1, this.#placed.length), 1);
        if (uid !== undefined) this.cache.removePod(uid);
        return undefined;
      }
      case 'node': {
        const taints = next.tainted ? [{ key: 'a', effect: 'NoSchedule' }] : [];
        const spec = { taints, unschedulable: next.cordoned };
        const allocatable = { cpu: String(next.cpu) };
        this.cache.setNode(makeNode({ name: NODES[next.node]!, spec, allocatable }));
        return undefined;
      }
      case 'lose':
        this.cache.removeNode(NODES[next.node]!);
        return undefined;
      case 'promise': {
        const info = this.#pod(next.cpu, next.priority);
        this.nominator.set(info, NODES[next.node]!);
        this.#promised.push(info.uid);
        return undefined;
      }
      case 'break': {
        const [uid] = this.#promised.splice(next.which % Math.max(1, this.#promised.length), 1);
        if (uid !== undefined) this.nominator.delete(uid);
        return undefined;
      }
    }
  }

  #decide({ cpu: cpus, tolerates, priority: level }: Extract<Step, { do: 'decide' }>): {
    kept: unknown;
    naive: unknown;
  } {
    const tolerations = tolerates ? [{ key: 'a', operator: 'Exists' }] : [];
    const info = this.#pod(cpus, level, { tolerations });
    const kept = this.cycle.decide(info);
    const naive = this.#newCycle().decide(info);
    if (kept.nodeName !== undefined || naive.nodeName !== undefined) {
      return { kept: kept.nodeName !== undefined, naive: naive.nodeName !== undefined };
    }
    const view = { filters: kept.filters, budgets: [], promised: (name: string) => this.nominator.on(name) };
    const search = (node: NodeInfo): Candidate | undefined => victimsOn(info, node, view);
    const { equivalents } = kept;
    const known = kept.helpable.map((node) =>
      equivalents === undefined ? search(node) : equivalents.candidateOn(node, () => search(node)),
    );
    return {
      kept: [told(kept), known],
      naive: [told(naive), kept.helpable.map(search)],
    };
  }
}

describe('a class of equivalent pods', () => {
  it('is told what each of them alone would be told, whatever has happened since', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
        const world = new World();
        for (const each of steps) {
          const decision = world.take(each);
          expect(decision?.kept).toEqual(decision?.naive);
        }
      }),
      { numRuns: 500 },
    );
  });

  const refusal = (cycle: SchedulingCycle, info: PodInfo): Refusal => cycle.decide(info) as Refusal;
  const asking = (name: string, cpus = '8', spec: object = {}): PodInfo =>
    podInfo(makePod({ name, requests: { cpu: cpus }, spec }));
  const cycleOn = (snapshot: ClusterCache): SchedulingCycle =>
    new SchedulingCycle({ profile: PROFILE, snapshot, random: () => 0 });

  it('is of pods that ask for the same, under whatever name and with whatever image', () => {
    const cycle = cycleOn(snapshotOf([{ name: 'n0' }]));
    const first = refusal(cycle, asking('a'));
    expect(refusal(cycle, asking('b')).equivalents).toBe(first.equivalents);
    expect(refusal(cycle, asking('c', '9')).equivalents).not.toBe(first.equivalents);
    expect(refusal(cycle, asking('d', '8', { priority: 5 })).equivalents).not.toBe(first.equivalents);
  });

  it('looks at the nodes that have changed, and at no others', () => {
    const cache = snapshotOf(Array.from({ length: 50 }, (_, at) => ({ name: `n${at}` })));
    const cycle = cycleOn(cache);
    const { equivalents } = refusal(cycle, asking('a'));
    cache.assume(asking('small', '1'), 'n7');
    const judged: string[] = [];
    equivalents?.isHopeless((node) => {
      judged.push(node.name);
      return undefined;
    });
    expect(judged).toEqual(['n7']);
  });

  it('is not made of pods that look at others', () => {
    const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } };
    const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    const cycle = cycleOn(snapshotOf([{ name: 'n0' }]));
    expect(refusal(cycle, asking('a', '8', { affinity: { podAffinity } })).equivalents).toBeUndefined();
  });
});

describe('changes of nodes', () => {
  it('are known to whoever is not too far behind', () => {
    const [a, b] = snapshotOf([{ name: 'a' }, { name: 'b' }]).nodes;
    const changes = new NodeChanges();
    changes.note(a!);
    const place = changes.end;
    changes.note(b!);
    expect(changes.since(place)).toEqual([b]);
    expect(changes.since(changes.end)).toEqual([]);
    for (let count = 0; count < 20_000; count += 1) changes.note(a!);
    expect(changes.since(place)).toBeUndefined();
    const late = changes.end;
    changes.note(b!);
    expect(changes.since(late)).toEqual([b]);
  });
});
