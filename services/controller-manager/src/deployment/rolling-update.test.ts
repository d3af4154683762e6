import type { ReplicaSet } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deployment, replicaSet } from '../test-support/objects.ts';
import { rollingLimits } from './limits.ts';
import { newSetReplicas, planRollingUpdate } from './rolling-update.ts';
import { replicasOf } from './rollout.ts';

function set(
  name: string,
  replicas: number,
  available: number,
  more: { pods?: number; observed?: boolean } = {},
): ReplicaSet {
  return replicaSet(name, replicas, {
    metadata: { generation: 2 },
    status: {
      replicas: more.pods ?? replicas,
      availableReplicas: available,
      observedGeneration: more.observed === false ? 1 : 2,
    },
  });
}

function sizesAfter(
  replicas: number,
  limits: { maxSurge: number | string; maxUnavailable: number | string },
  newSet: ReplicaSet,
  ...oldSets: ReplicaSet[]
): Record<string, number> {
  const rollout = {
    deployment: deployment(replicas, { strategy: { rollingUpdate: limits } }),
    newSet,
    oldSets,
  };
  return Object.fromEntries(
    planRollingUpdate(rollout).map((each) => [each.replicaSet.metadata.name, each.replicas]),
  );
}

describe('one step of a rolling update', () => {
  test.each([
    ['surge first', 10, 2, 0, [0, 0], [10, 10], { new: 2 }],
    ['unavailability first', 10, 0, 2, [0, 0], [10, 10], { old: 8 }],
    [
      'both at once, and pods that are still starting count against the old',
      10,
      2,
      2,
      [0, 0],
      [10, 10],
      { new: 2, old: 8 },
    ],
    ['nothing while new pods start', 10, 2, 0, [2, 0], [10, 10], {}],
    ['old ones make room for new ones that are available', 10, 2, 0, [2, 2], [10, 10], { old: 8 }],
    ['the last old one', 3, 1, 0, [3, 3], [1, 1], { old: 0 }],
    ['done', 3, 1, 0, [3, 3], [0, 0], {}],
  ] as const)('%s', (_name, replicas, maxSurge, maxUnavailable, fresh, old, expected) => {
    expect(
      sizesAfter(
        replicas,
        { maxSurge, maxUnavailable },
        set('new', fresh[0], fresh[1]),
        set('old', old[0], old[1]),
      ),
    ).toEqual(expected);
  });

  test('old pods that are not available go first and do not need new ones', () => {
    expect(sizesAfter(10, { maxSurge: 0, maxUnavailable: 2 }, set('new', 0, 0), set('old', 10, 8))).toEqual({
      old: 8,
    });
  });

  test('a set that was scaled down and has not said so yet still takes up room', () => {
    const shrinking = set('old', 8, 10, { pods: 10, observed: false });
    expect(sizesAfter(10, { maxSurge: 2, maxUnavailable: 2 }, set('new', 2, 0), shrinking)).toEqual({});
  });

  test('availability reported before a set was scaled down is not believed', () => {
    const shrinking = set('old', 8, 10, { pods: 10, observed: false });
    expect(sizesAfter(10, { maxSurge: 0, maxUnavailable: 2 }, set('new', 2, 1), shrinking)).toEqual({
      old: 7,
    });
  });

  test('a set is not turned round before it has observed its last change', () => {
    const growing = set('old', 5, 3, { pods: 3, observed: false });
    expect(sizesAfter(5, { maxSurge: 5, maxUnavailable: 5 }, set('new', 5, 5), growing)).toEqual({});
    const shrinking = set('new', 1, 1, { pods: 3, observed: false });
    expect(sizesAfter(5, { maxSurge: 5, maxUnavailable: 0 }, shrinking, set('old', 5, 5))).toEqual({
      old: 4,
    });
  });

  test('a new set starts with what the surge allows', () => {
    const rollout = { deployment: deployment(10), newSet: undefined, oldSets: [set('old', 10, 10)] };
    expect(newSetReplicas(rollout)).toBe(3);
    expect(newSetReplicas({ ...rollout, oldSets: [] })).toBe(10);
  });
});

/** A ReplicaSet with its controller and its pods, each step of which happens when the test says so. */
class ModelSet {
  readonly name: string;
  /** What the apiserver holds. */
  spec = 0;
  generation = 1;
  status = { replicas: 0, availableReplicas: 0, observedGeneration: 0 };
  /** What the controller of ReplicaSets has seen of `spec`. */
  seen = { spec: 0, generation: 1 };
  starting = 0;
  available = 0;

  constructor(name: string) {
    this.name = name;
  }

  get pods(): number {
    return this.starting + this.available;
  }

  scale(replicas: number): void {
    if (replicas === this.spec) return;
    this.spec = replicas;
    this.generation += 1;
  }

  observe(): void {
    this.seen = { spec: this.spec, generation: this.generation };
  }

  /** One reconciliation of its controller: writes pods, or the status when there are none to write. */
  reconcile(): void {
    const missing = this.seen.spec - this.pods;
    if (missing > 0) this.starting += missing;
    else if (missing < 0) {
      const startingGone = Math.min(this.starting, -missing);
      this.starting -= startingGone;
      this.available -= -missing - startingGone;
    } else {
      this.status = {
        replicas: this.pods,
        availableReplicas: this.available,
        observedGeneration: this.seen.generation,
      };
    }
  }

  becomeAvailable(): void {
    if (this.starting === 0) return;
    this.starting -= 1;
    this.available += 1;
  }

  view(): ReplicaSet {
    return replicaSet(this.name, this.spec, {
      metadata: { generation: this.generation },
      status: { ...this.status },
    });
  }
}

class Model {
  readonly replicas: number;
  readonly limits: { maxSurge: number; maxUnavailable: number };
  readonly sets: ModelSet[];
  target: number;
  /** What the Deployment's controller sees: as old as the test wants, but with its own writes. */
  readonly views: ReplicaSet[];

  constructor(replicas: number, maxSurge: number, maxUnavailable: number, sets: number) {
    this.replicas = replicas;
    this.sets = Array.from({ length: sets }, (_, index) => new ModelSet(`set-${index}`));
    this.target = 1;
    const first = this.sets[0] as ModelSet;
    first.scale(replicas);
    first.observe();
    first.reconcile();
    while (first.starting > 0) first.becomeAvailable();
    first.reconcile();
    this.views = this.sets.map((each) => each.view());
    const spec = deployment(replicas, { strategy: { rollingUpdate: { maxSurge, maxUnavailable } } });
    this.limits = rollingLimits(spec);
    this.spec = spec;
  }

  readonly spec;

  refresh(index: number): void {
    this.views[index] = (this.sets[index] as ModelSet).view();
  }

  planAndScale(): void {
    const newSet = this.views[this.target] as ReplicaSet;
    const oldSets = this.views.filter((each) => each !== newSet);
    for (const { replicaSet: view, replicas } of planRollingUpdate({
      deployment: this.spec,
      newSet,
      oldSets,
    })) {
      const index = this.views.indexOf(view);
      const set = this.sets[index] as ModelSet;
      set.scale(replicas);
      this.refresh(index);
    }
  }

  get pods(): number {
    return this.sets.reduce((sum, each) => sum + each.pods, 0);
  }

  get available(): number {
    return this.sets.reduce((sum, each) => sum + each.available, 0);
  }

  /** What is surely available, by what the sets have reported. */
  get reportedAvailable(): number {
    return this.sets.reduce((sum, { status, spec }) => sum + Math.min(status.availableReplicas, spec), 0);
  }
}

type Step =
  | { kind: 'plan' }
  | { kind: 'retarget' | 'refresh' | 'observe' | 'reconcile' | 'available'; set: number };

const steps = (sets: number, kinds: readonly string[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<Step>({ kind: 'plan' }) },
      {
        weight: 10,
        arbitrary: fc.record({
          kind: fc.constantFrom(...kinds),
          set: fc.nat(sets - 1),
        }) as fc.Arbitrary<Step>,
      },
    ),
    { maxLength: 150 },
  );

function apply(model: Model, step: Step): void {
  if (step.kind === 'plan') {
    model.planAndScale();
    return;
  }
  const set = model.sets[step.set] as ModelSet;
  if (step.kind === 'retarget') model.target = step.set;
  else if (step.kind === 'refresh') model.refresh(step.set);
  else if (step.kind === 'observe') set.observe();
  else if (step.kind === 'reconcile') set.reconcile();
  else set.becomeAvailable();
}

const sizes = { replicas: fc.integer({ min: 1, max: 12 }), maxSurge: fc.nat(5), maxUnavailable: fc.nat(5) };
const QUIET_STEPS = ['refresh', 'observe', 'reconcile', 'available', 'available'];

describe('a rolling update at any interleaving of controllers, with caches as old as they like', () => {
  test('never has more pods than maxSurge allows, nor fewer available ones than maxUnavailable', () => {
    fc.assert(
      fc.property(fc.record(sizes), steps(2, QUIET_STEPS), ({ replicas, maxSurge, maxUnavailable }, run) => {
        const model = new Model(replicas, maxSurge, maxUnavailable, 2);
        for (const step of run) {
          apply(model, step);
          expect(model.pods).toBeLessThanOrEqual(replicas + model.limits.maxSurge);
          expect(model.available).toBeGreaterThanOrEqual(replicas - model.limits.maxUnavailable);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('keeps maxSurge, and never gives up needed pods that are known to be available, when the template changes on the way', () => {
    fc.assert(
      fc.property(
        fc.record(sizes),
        steps(3, [...QUIET_STEPS, 'retarget']),
        ({ replicas, maxSurge, maxUnavailable }, run) => {
          const model = new Model(replicas, maxSurge, maxUnavailable, 3);
          const minAvailable = replicas - model.limits.maxUnavailable;
          for (const step of run) {
            const before = model.reportedAvailable;
            apply(model, step);
            expect(model.pods).toBeLessThanOrEqual(replicas + model.limits.maxSurge);
            expect(model.available).toBeGreaterThanOrEqual(Math.min(minAvailable, model.reportedAvailable));
            if (step.kind === 'plan')
              expect(model.reportedAvailable).toBeGreaterThanOrEqual(Math.min(minAvailable, before));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('always gets to its end when everyone goes on working', () => {
    fc.assert(
      fc.property(
        fc.record(sizes),
        steps(3, [...QUIET_STEPS, 'retarget']),
        ({ replicas, maxSurge, maxUnavailable }, run) => {
          const model = new Model(replicas, maxSurge, maxUnavailable, 3);
          for (const step of run) apply(model, step);
          for (let round = 0; round < 40 * replicas; round += 1) {
            for (const [index, set] of model.sets.entries()) {
              set.observe();
              set.reconcile();
              while (set.starting > 0) set.becomeAvailable();
              set.reconcile();
              model.refresh(index);
            }
            model.planAndScale();
          }
          expect(model.sets.map((each) => replicasOf(each.view()))).toEqual(
            model.sets.map((_, index) => (index === model.target ? replicas : 0)),
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});
