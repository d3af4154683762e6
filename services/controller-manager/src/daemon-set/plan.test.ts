import type { DaemonSet, Node, Pod, PodSpec, Taint } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meta, node, pod, ready, TEMPLATE } from '../test-support/objects.ts';
import { isUpToDate, podsByNode, targetNodeOf, versionOf } from './daemon-pods.ts';
import { NodeEligibility } from './node-eligibility.ts';
import { type DaemonPlan, type DaemonView, planPlacement } from './plan.ts';
import { daemonLimits, planRollingUpdate } from './rolling-update.ts';
import { daemonSetStatus } from './status.ts';

const NOW_MS = Date.parse('2026-01-01T01:00:00Z');
const NEW = 'new';

function daemonSet(spec: Partial<DaemonSet['spec']> = {}, template: Partial<PodSpec> = {}): DaemonSet {
  return {
    metadata: meta('agent'),
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { ...TEMPLATE, spec: { ...TEMPLATE.spec!, ...template } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    },
  };
}

const surging = (maxSurge: number): DaemonSet =>
  daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge } } });

interface Daemon {
  node: string;
  name?: string;
  hash?: string;
  is?: 'ready' | 'waiting' | 'failed' | 'done' | 'leaving';
  bornAt?: string;
  unbound?: boolean;
}

function daemon({ node: on, name = `on-${on}`, hash = NEW, is = 'ready', bornAt, unbound }: Daemon): Pod {
  const phases = { failed: { phase: 'Failed' }, done: { phase: 'Succeeded' }, waiting: { phase: 'Pending' } };
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [on] }];
  const required = {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
  };
  return pod(name, {
    metadata: {
      labels: { app: 'web', 'controller-revision-hash': hash },
      ...(bornAt === undefined ? {} : { creationTimestamp: bornAt }),
      ...(is === 'leaving' ? { deletionTimestamp: '2026-01-01T00:30:00Z' } : {}),
    },
    spec: unbound === true ? { affinity: { nodeAffinity: required } } : { nodeName: on },
    status: is === 'ready' || is === 'leaving' ? ready('True') : phases[is],
  });
}

function view(owner: DaemonSet, nodes: readonly Node[], daemons: readonly Daemon[]): DaemonView {
  const eligibility = new NodeEligibility(owner);
  const desired = nodes.filter((each) => eligibility.of(each).shouldRun).length;
  return {
    daemonSet: owner,
    version: versionOf(owner, NEW),
    nodes,
    eligibility,
    pods: podsByNode(daemons.map(daemon)),
    limits: daemonLimits(owner, desired),
    nowMs: NOW_MS,
  };
}

const names = ({ create, remove }: DaemonPlan): { create: string[]; remove: string[] } => ({
  create,
  remove: remove.map(({ metadata }) => metadata.name),
});

const NODES = [node('a'), node('b'), node('c')];
const tainted = (name: string, ...taints: Taint[]): Node => ({ ...node(name), spec: { taints } });

describe('which nodes a DaemonSet wants', () => {
  const NO_SCHEDULE: Taint = { key: 'node-role.kubernetes.io/master', effect: 'NoSchedule' };

  it.each<[string, DaemonSet, Node, string]>([
    ['any node', daemonSet(), node('a'), 'run'],
    [
      'a node with the label of the selector',
      daemonSet({}, { nodeSelector: { disk: 'ssd' } }),
      node('a', 'True', { disk: 'ssd' }),
      'run',
    ],
    ['a node without it', daemonSet({}, { nodeSelector: { disk: 'ssd' } }), node('a'), 'leave'],
    ['a node of another name', daemonSet({}, { nodeName: 'b' }), node('a'), 'leave'],
    ['a taint that keeps pods away', daemonSet(), tainted('a', NO_SCHEDULE), 'stay'],
    ['a taint that drives pods out', daemonSet(), tainted('a', { key: 'bad', effect: 'NoExecute' }), 'leave'],
    [
      'a taint that only warns',
      daemonSet(),
      tainted('a', { key: 'dear', effect: 'PreferNoSchedule' }),
      'run',
    ],
    [
      'the taint of masters, tolerated as in the document',
      daemonSet({}, { tolerations: [{ key: 'node-role.kubernetes.io/master', effect: 'NoSchedule' }] }),
      tainted('a', NO_SCHEDULE),
      'run',
    ],
    [
      'a cordoned node',
      daemonSet(),
      tainted('a', { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }),
      'run',
    ],
    [
      'an unreachable node',
      daemonSet(),
      tainted('a', { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }),
      'run',
    ],
    [
      'a node without network',
      daemonSet(),
      tainted('a', { key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }),
      'stay',
    ],
    [
      'a node without network, which the daemon makes',
      daemonSet({}, { hostNetwork: true }),
      tainted('a', { key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }),
      'run',
    ],
  ])('%s', (_case, owner, place, expected) => {
    const { shouldRun, shouldContinue } = new NodeEligibility(owner).of(place);
    expect(shouldRun ? 'run' : shouldContinue ? 'stay' : 'leave').toBe(expected);
  });
});

describe('the placement', () => {
  it.each<[string, DaemonSet, Daemon[], string[], string[]]>([
    ['makes one pod for each node', daemonSet(), [], ['a', 'b', 'c'], []],
    [
      'leaves what is there',
      daemonSet(),
      [{ node: 'a' }, { node: 'b' }, { node: 'c', unbound: true }],
      [],
      [],
    ],
    [
      'waits for a pod on its way out',
      daemonSet(),
      [{ node: 'a', is: 'leaving' }, { node: 'b' }, { node: 'c' }],
      [],
      [],
    ],
    [
      'with surge does not wait',
      surging(1),
      [{ node: 'a', is: 'leaving' }, { node: 'b' }, { node: 'c' }],
      ['a'],
      [],
    ],
    [
      'replaces what has failed or ended',
      daemonSet(),
      [{ node: 'a', is: 'failed' }, { node: 'b', is: 'done' }, { node: 'c' }],
      [],
      ['on-a', 'on-b'],
    ],
    [
      'keeps the oldest of several',
      daemonSet(),
      [
        { node: 'a', name: 'young', bornAt: '2026-01-01T00:20:00Z' },
        { node: 'a', name: 'old', bornAt: '2026-01-01T00:10:00Z' },
        { node: 'b' },
        { node: 'c' },
      ],
      [],
      ['young'],
    ],
    [
      'prefers a bound pod to an older one',
      daemonSet(),
      [
        { node: 'a', name: 'x', unbound: true },
        { node: 'a', name: 'y', bornAt: '2026-01-01T00:10:00Z' },
        { node: 'b' },
        { node: 'c' },
      ],
      [],
      ['x'],
    ],
    [
      'removes pods that wait for a node that is gone',
      daemonSet(),
      [{ node: 'a' }, { node: 'b' }, { node: 'c' }, { node: 'z', unbound: true }, { node: 'y' }],
      [],
      ['on-z'],
    ],
    [
      'with surge keeps an old pod beside its waiting successor',
      surging(1),
      [
        { node: 'a', name: 'old', hash: 'old' },
        { node: 'a', name: 'next', is: 'waiting' },
        { node: 'b' },
        { node: 'c' },
      ],
      [],
      [],
    ],
    [
      'with surge removes an old pod that is not ready',
      surging(1),
      [
        { node: 'a', name: 'old', hash: 'old', is: 'waiting' },
        { node: 'a', name: 'next', is: 'waiting' },
        { node: 'b' },
        { node: 'c' },
      ],
      [],
      ['old'],
    ],
  ])('%s', (_case, owner, daemons, create, remove) => {
    expect(names(planPlacement(view(owner, NODES, daemons), () => false))).toEqual({ create, remove });
  });

  it('holds back the replacement of a pod that fails again and again', () => {
    const plan = planPlacement(
      view(daemonSet(), NODES, [{ node: 'a', is: 'failed' }]),
      (name) => name === 'a',
    );
    expect(plan.remove).toEqual([]);
    expect(plan.failed.map(targetNodeOf)).toEqual(['a']);
  });

  it('empties a node that it may not be on', () => {
    const nodes = [
      tainted('a', { key: 'bad', effect: 'NoExecute' }),
      tainted('b', { key: 'x', effect: 'NoSchedule' }),
    ];
    expect(
      names(planPlacement(view(daemonSet(), nodes, [{ node: 'a' }, { node: 'b' }]), () => false)),
    ).toEqual({
      create: [],
      remove: ['on-a'],
    });
  });
});

describe('a rolling update', () => {
  const old = (on: string, is: Daemon['is'] = 'ready'): Daemon => ({ node: on, hash: 'old', is });
  const updating = (maxUnavailable: number | string): DaemonSet =>
    daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge: 0 } } });

  it.each<[string, DaemonSet, Daemon[], string[], string[]]>([
    ['replaces one at a time', updating(1), [old('a'), old('b'), old('c')], [], ['on-a']],
    [
      'replaces as many as the percentage rounds up to',
      updating('34%'),
      [old('a'), old('b'), old('c')],
      [],
      ['on-a', 'on-b'],
    ],
    [
      'waits for a new pod that is not ready',
      updating(1),
      [{ node: 'a', is: 'waiting' }, old('b'), old('c')],
      [],
      [],
    ],
    [
      'waits for a pod on its way out',
      updating(1),
      [{ node: 'a', hash: 'old', is: 'leaving' }, old('b'), old('c')],
      [],
      [],
    ],
    ['waits for a node without a pod', updating(1), [old('b'), old('c')], [], []],
    [
      'takes a broken old pod first, and no other',
      updating(1),
      [old('a'), old('b', 'waiting'), old('c')],
      [],
      ['on-b'],
    ],
    ['is over when all are new', updating(1), [{ node: 'a' }, { node: 'b' }, { node: 'c' }], [], []],
    [
      'leaves everything to the user with OnDelete',
      daemonSet({ updateStrategy: { type: 'OnDelete' } }),
      [old('a'), old('b'), old('c')],
      [],
      [],
    ],
    ['with surge makes a successor first', surging(1), [old('a'), old('b'), old('c')], ['a'], []],
    [
      'with surge does not wait for broken ones',
      surging(1),
      [old('a', 'waiting'), old('b'), old('c')],
      ['a', 'b'],
      [],
    ],
    [
      'with surge removes the old pod when its successor is available',
      surging(1),
      [old('a'), { node: 'a', name: 'next' }, old('b'), old('c')],
      ['b'],
      ['on-a'],
    ],
    [
      'with surge waits for the successor',
      surging(1),
      [old('a'), { node: 'a', name: 'next', is: 'waiting' }, old('b'), old('c')],
      [],
      [],
    ],
  ])('%s', (_case, owner, daemons, create, remove) => {
    expect(names(planRollingUpdate(view(owner, NODES, daemons)))).toEqual({ create, remove });
  });

  it('never takes more nodes out of service than the limit allows', () => {
    const state = fc.constantFrom<NonNullable<Daemon['is']>>('ready', 'ready', 'ready', 'waiting', 'leaving');
    const cluster = fc.array(
      fc.record({ is: state, hash: fc.constantFrom('old', 'old', NEW), isThere: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(cluster, fc.integer({ min: 1, max: 5 }), (states, maxUnavailable) => {
        const nodes = states.map((_, index) => node(`n${index}`));
        const daemons = states.flatMap(({ is, hash, isThere }, index) =>
          isThere ? [{ node: `n${index}`, is, hash }] : [],
        );
        const before = view(updating(maxUnavailable), nodes, daemons);
        const { remove } = planRollingUpdate(before);
        const gone = new Set(remove.map(({ metadata }) => metadata.name));
        const isServing = (daemons_: readonly Daemon[], index: number): boolean =>
          daemons_.some((each) => each.node === `n${index}` && each.is === 'ready');
        const outBefore = states.filter((_, index) => !isServing(daemons, index)).length;
        const after = daemons.filter((each) => !gone.has(`on-${each.node}`));
        const outAfter = states.filter((_, index) => !isServing(after, index)).length;
        expect(outAfter).toBeLessThanOrEqual(Math.max(outBefore, maxUnavailable));
        expect(remove.every((each) => !isUpToDate(each, before.version))).toBe(true);
      }),
    );
  });
});

describe('the status', () => {
  it('counts by nodes, the oldest pod of each', () => {
    const nodes = [...NODES, tainted('d', { key: 'x', effect: 'NoSchedule' })];
    const daemons: Daemon[] = [
      { node: 'a' },
      { node: 'b', hash: 'old' },
      { node: 'c', is: 'waiting' },
      { node: 'd' },
    ];
    expect(daemonSetStatus(view(daemonSet(), nodes, daemons), undefined)).toEqual({
      desiredNumberScheduled: 3,
      currentNumberScheduled: 3,
      numberMisscheduled: 1,
      numberReady: 2,
      numberAvailable: 2,
      numberUnavailable: 1,
      updatedNumberScheduled: 2,
      observedGeneration: 1,
    });
  });

  it('counts a ready pod as available only after its time', () => {
    const status = daemonSetStatus(view(daemonSet({ minReadySeconds: 7_200 }), NODES, [{ node: 'a' }]), 2);
    expect(status).toMatchObject({ numberReady: 1, numberUnavailable: 3, collisionCount: 2 });
    expect(status).not.toHaveProperty('numberAvailable');
  });
});
