import type { Node } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lease, node } from '../test-support/objects.ts';
import { NodeHealth, STARTUP_GRACE_MS } from './health.ts';
import { silentConditions } from './status.ts';
import { noExecuteKey, withTaints } from './taints.ts';
import { EvictionPace, zoneOf, zoneStateOf } from './zones.ts';

const GRACE_MS = 50_000;
const PERIOD_MS = 5_000;

const at = (name: string, readiness?: 'True' | 'False' | 'Unknown', zone = ''): Node =>
  node(name, readiness, zone === '' ? {} : { 'topology.kubernetes.io/zone': zone });

describe('the health of nodes', () => {
  const ready = at('a', 'True');

  /** Looks every period from `fromMs` to `toMs`; true if the node was silent at the last look. */
  function look(
    health: NodeHealth,
    fromMs: number,
    toMs: number,
    renewal: (nowMs: number) => string,
    who = ready,
  ): boolean {
    let silent = false;
    for (let nowMs = fromMs; nowMs <= toMs; nowMs += PERIOD_MS) {
      health.beginLook(nowMs);
      silent = health.isSilent(who, lease('a', renewal(nowMs)), nowMs);
    }
    return silent;
  }

  const fresh = (): NodeHealth => new NodeHealth({ graceMs: GRACE_MS, periodMs: PERIOD_MS });

  test('a node that renews its lease is never silent', () => {
    expect(look(fresh(), 0, 600_000, (nowMs) => String(nowMs))).toBe(false);
  });

  test('one that does not is silent after the grace, and no longer when it renews again', () => {
    const health = fresh();
    expect(look(health, 0, GRACE_MS, () => 'old')).toBe(false);
    expect(look(health, GRACE_MS + PERIOD_MS, GRACE_MS + PERIOD_MS, () => 'old')).toBe(true);
    expect(look(health, GRACE_MS + 2 * PERIOD_MS, GRACE_MS + 2 * PERIOD_MS, () => 'new')).toBe(false);
  });

  test('what was written long before this controller started is no silence', () => {
    expect(look(fresh(), 10_000_000, 10_000_000 + PERIOD_MS, () => '1970')).toBe(false);
  });

  test('time in which nobody looked does not count', () => {
    const health = fresh();
    look(health, 0, 40_000, () => 'old');
    expect(look(health, 400_000, 400_000, () => 'old')).toBe(false);
    expect(look(health, 405_000, 410_000, () => 'old')).toBe(true);
  });

  test('a node that never posted a status has longer', () => {
    const health = fresh();
    const starting = at('a');
    expect(look(health, 0, STARTUP_GRACE_MS, () => 'old', starting)).toBe(false);
    expect(
      look(health, STARTUP_GRACE_MS + PERIOD_MS, STARTUP_GRACE_MS + PERIOD_MS, () => 'old', starting),
    ).toBe(true);
  });

  test('a namesake begins anew', () => {
    const health = fresh();
    look(health, 0, GRACE_MS + PERIOD_MS, () => 'old');
    const successor = { ...ready, metadata: { ...ready.metadata, uid: 'another' } };
    expect(look(health, GRACE_MS + 2 * PERIOD_MS, GRACE_MS + 2 * PERIOD_MS, () => 'old', successor)).toBe(
      false,
    );
  });
});

describe('the conditions of a silent node', () => {
  test('are all unknown, and say so once', () => {
    const silent = at('a', 'True');
    const conditions = silentConditions(silent, 0) ?? [];
    expect(conditions.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ['Ready', 'Unknown', 'NodeStatusUnknown'],
      ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated'],
    ]);
    expect(conditions[0]).toMatchObject({
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: '1970-01-01T00:00:00Z',
    });
    expect(silentConditions({ ...silent, status: { conditions } }, 1)).toBeUndefined();
  });
});

describe('taints', () => {
  const NOT_READY = 'node.kubernetes.io/not-ready';
  const UNREACHABLE = 'node.kubernetes.io/unreachable';
  const keysOf = (who: Node, noExecute?: string): string[] | undefined =>
    withTaints(who, noExecute, 0)?.map(({ key, effect }) => `${key}:${effect}`);

  test.each([
    ['ready', 'True', undefined, undefined],
    ['not ready', 'False', NOT_READY, [`${NOT_READY}:NoSchedule`, `${NOT_READY}:NoExecute`]],
    ['silent', 'Unknown', UNREACHABLE, [`${UNREACHABLE}:NoSchedule`, `${UNREACHABLE}:NoExecute`]],
  ] as const)('of a node that is %s', (_name, readiness, noExecute, expected) => {
    expect(noExecuteKey(at('a', readiness))).toBe(noExecute);
    expect(keysOf(at('a', readiness), noExecute)).toEqual(expected);
  });

  test('of a cordoned node under pressure; those of others stay', () => {
    const troubled: Node = {
      ...at('a'),
      spec: {
        unschedulable: true,
        taints: [
          { key: 'mine', effect: 'NoExecute' },
          { key: UNREACHABLE, effect: 'NoExecute' },
        ],
      },
      status: { conditions: [{ type: 'DiskPressure', status: 'True' }] },
    };
    expect(keysOf(troubled)).toEqual([
      'mine:NoExecute',
      'node.kubernetes.io/disk-pressure:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
    ]);
  });

  test('keep the time since when they stand', () => {
    const tainted = at('a', 'Unknown');
    const first = withTaints(tainted, undefined, 0) ?? [];
    const second = withTaints({ ...tainted, spec: { taints: first } }, UNREACHABLE, 60_000) ?? [];
    expect(second.map(({ timeAdded }) => timeAdded)).toEqual([
      '1970-01-01T00:00:00Z',
      '1970-01-01T00:01:00Z',
    ]);
  });
});

describe('zones', () => {
  const nodes = (readiness: ('True' | 'False')[], zone = ''): Node[] =>
    readiness.map((each, index) => at(`${zone}${index}`, each, zone));
  const down = (count: number, zone = ''): Node[] =>
    nodes(
      Array.from({ length: count }, () => 'False' as const),
      zone,
    );

  test.each([
    ['Normal', nodes(['True', 'True', 'False'])],
    ['Normal', nodes(['True', 'False', 'False'])],
    ['PartialDisruption', nodes(['True', 'True', 'False', 'False', 'False'])],
    ['FullDisruption', nodes(['False'])],
    ['Normal', []],
  ] as const)('%s', (expected, members) => {
    expect(zoneStateOf(members)).toBe(expected);
  });

  test('one node in ten seconds, each zone for itself', () => {
    const pace = new EvictionPace();
    pace.update([...nodes(['True', 'False', 'False'], 'x'), ...nodes(['True', 'False'], 'y')]);
    expect(pace.take(zoneOf(at('n', 'True', 'x')), 0)).toEqual({ allowed: true, waitMs: 0 });
    expect(pace.take(zoneOf(at('n', 'True', 'x')), 4_000)).toEqual({ allowed: false, waitMs: 6_000 });
    expect(pace.take(zoneOf(at('n', 'True', 'y')), 4_000).allowed).toBe(true);
    expect(pace.take(zoneOf(at('n', 'True', 'x')), 10_000).allowed).toBe(true);
  });

  test('a small zone that is mostly down evicts nothing, a large one slowly', () => {
    const pace = new EvictionPace();
    pace.update([at('up', 'True'), ...down(9)]);
    expect(pace.take('/', 0).allowed).toBe(false);
    pace.update([at('up', 'True'), ...down(60)]);
    expect(pace.take('/', 0).allowed).toBe(true);
    expect(pace.take('/', 60_000).waitMs).toBe(40_000);
  });

  test('when every zone is down nothing is evicted, and the first node back is noticed', () => {
    const pace = new EvictionPace();
    const readiness = fc.array(fc.constantFrom('True' as const, 'False' as const), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(readiness, readiness), { minLength: 1, maxLength: 10 }), (history) => {
        let allDown = pace.allDown;
        for (const [x, y] of history) {
          const { recovered } = pace.update([...nodes(x, 'x'), ...nodes(y, 'y')]);
          const expected = [...x, ...y].every((each) => each === 'False');
          expect([pace.allDown, recovered]).toEqual([expected, allDown && !expected]);
          if (expected) expect(pace.take('/x', 1e15).allowed).toBe(false);
          allDown = expected;
        }
      }),
    );
  });
});
