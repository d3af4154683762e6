import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { anchorAt, ClusterClock, clusterTimeAt, formatClockAnchor } from '@orrery/kit/cluster-clock.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  CLOCK_NAME,
  CLOCK_NAMESPACE,
  clockData,
  clockProblems,
  keepClusterClock,
  nextAnchor,
} from './cluster-clock.ts';
import { definitions } from './registry/index.ts';
import { ApiFixture } from './verbs/test-support/api-fixture.ts';

const NOW_MS = 1_800_000_000_000;
const STANDARD = { rate: 1, realMs: NOW_MS - 10_000, clusterMs: NOW_MS - 10_000 };

describe('the content of the ConfigMap', () => {
  test.each([
    [{ speed: '0' }, 'data[speed]'],
    [{ speed: '1001' }, 'data[speed]'],
    [{ speed: 'fast' }, 'data[speed]'],
    [{}, 'data[speed]'],
    [{ speed: '1', paused: 'yes' }, 'data[paused]'],
    [{ speed: '1', anchor: 'x' }, 'data[anchor]'],
  ])('%j is refused by the name of its field', (data, path) => {
    expect(clockProblems(data).map((each) => each.field)).toEqual([path]);
  });

  test.each([[{ speed: '0.5' }], [{ speed: '1000', paused: 'true' }], [clockData(STANDARD)]])(
    '%j is fine',
    (data) => {
      expect(clockProblems(data)).toEqual([]);
    },
  );
});

describe('the anchor that follows', () => {
  test('is the stored one while it runs at the speed that is wanted', () => {
    expect(nextAnchor(clockData(STANDARD), STANDARD, NOW_MS).anchor).toEqual(STANDARD);
  });

  test('takes over a moment later, without a jump, at another speed', () => {
    const { anchor } = nextAnchor({ ...clockData(STANDARD), speed: '60' }, STANDARD, NOW_MS);
    expect(anchor).toEqual({ rate: 60, realMs: NOW_MS + 200, clusterMs: NOW_MS + 200 });
  });

  test('stands still while paused, and goes on from there', () => {
    const data = clockData({ rate: 60, realMs: NOW_MS - 1_000, clusterMs: 5 });
    const paused = nextAnchor({ ...data, paused: 'true' }, STANDARD, NOW_MS).anchor;
    expect(paused).toEqual({ rate: 0, realMs: NOW_MS + 200, clusterMs: 5 + 72_000 });
    const again = { speed: '60', paused: 'false', anchor: formatClockAnchor(paused) };
    expect(nextAnchor(again, STANDARD, NOW_MS + 99_000).anchor).toMatchObject({
      rate: 60,
      clusterMs: 72_005,
    });
  });

  test('is that of a newer start with another speed, and cluster time does not turn back', () => {
    const stored = { rate: 100, realMs: NOW_MS - 60_000, clusterMs: NOW_MS - 60_000 };
    const own = { rate: 2, realMs: NOW_MS, clusterMs: NOW_MS };
    const { anchor, rate } = nextAnchor(clockData(stored), own, NOW_MS + 5);
    expect([rate, anchor]).toEqual([2, { rate: 2, realMs: NOW_MS, clusterMs: NOW_MS - 60_000 + 6_000_000 }]);
  });
});

describe('an apiserver', () => {
  const definition = definitions.find(({ ref }) => ref.resource === 'configmaps')!;
  const context = () => ({ traceId: 't', user: { name: 'u', groups: [] }, dryRun: false, warnings: [] });
  const logger = silentLogger();
  let fixture: ApiFixture;
  const stop = new AbortController();

  beforeEach(async () => {
    fixture = await ApiFixture.start();
  });
  afterEach(async () => {
    stop.abort();
    await fixture.close();
  });

  test('sets the clocks of all replicas by one anchor, made by whichever is first', async () => {
    const own = { rate: 1, realMs: Date.now() - 1_000, clusterMs: Date.now() - 1_000 };
    const clocks = [new ClusterClock(own), new ClusterClock(own)];
    const { api } = fixture;
    await fixture.create('namespaces', { metadata: { name: CLOCK_NAMESPACE } });
    const object = { metadata: { name: CLOCK_NAME, namespace: CLOCK_NAMESPACE }, data: clockData(own) };
    await api.create(definition, CLOCK_NAMESPACE, object as unknown as ConfigMap, context());
    for (const clock of clocks)
      void keepClusterClock({ api, definition, clock, logger, signal: stop.signal }, () => undefined);
    const change = (data: Record<string, string>) =>
      api.modify(
        definition,
        CLOCK_NAMESPACE,
        CLOCK_NAME,
        (current) => ({ ...current, data: { ...(current as ConfigMap).data, ...data } }) as ConfigMap,
        { subresource: '' },
        context(),
      );
    await change({ speed: '300' });
    await vi.waitFor(() => expect(clocks.map(({ newestAnchor }) => newestAnchor.rate)).toEqual([300, 300]));
    expect(clocks[0]!.newestAnchor).toEqual(clocks[1]!.newestAnchor);
    const { realMs, clusterMs } = clocks[0]!.newestAnchor;
    expect(clusterMs).toBe(clusterTimeAt(own, realMs));
    await change({ paused: 'true' });
    await vi.waitFor(() => expect(clocks.map(({ newestAnchor }) => newestAnchor.rate)).toEqual([0, 0]));
    expect(anchorAt(clocks[0]!.newestAnchor, 0, 0)).toEqual(anchorAt(clocks[1]!.newestAnchor, 0, 0));
    const stored = (await api.get(definition, CLOCK_NAMESPACE, CLOCK_NAME)).value;
    expect((JSON.parse(stored) as ConfigMap).data).toEqual({
      speed: '300',
      paused: 'true',
      anchor: formatClockAnchor(clocks[0]!.newestAnchor),
    });
  });
});
