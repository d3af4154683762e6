import { Pods, Services } from '@orrery/api/resources.ts';
import { expect, test } from 'vitest';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { pod, ready, service } from '../test-support/objects.ts';
import { ServiceEvents } from './service-events.ts';
import { TriggerTimes } from './trigger-time.ts';

function subscribed(): { cluster: FakeCluster; asked: [string, number][]; events: ServiceEvents } {
  const cluster = new FakeCluster();
  const asked: [string, number][] = [];
  const events = new ServiceEvents({ informers: cluster.informers, clock: cluster.clock, batchMs: 500 });
  events.subscribe({
    add: (key) => void asked.push([key, 0]),
    addAfter: (key, delayMs) => void asked.push([key, delayMs]),
  });
  cluster.seed(Services, service());
  asked.length = 0;
  return { cluster, asked, events };
}

test('the first of many pods is looked at once, the others at the end of the batch', async () => {
  const { cluster, asked } = subscribed();
  cluster.seed(Pods, pod('a'));
  await cluster.clock.advance(200);
  cluster.seed(Pods, pod('b'));
  await cluster.clock.advance(400);
  cluster.seed(Pods, pod('c'));
  expect(asked).toEqual([
    ['default/web', 0],
    ['default/web', 300],
    ['default/web', 0],
  ]);
});

test('only changes that matter to endpoints are looked at; a new label moves a pod from service to service', () => {
  const { cluster, asked, events } = subscribed();
  const other = cluster.seed(
    Services,
    service({ selector: { app: 'other' } }, { name: 'other', uid: 'other' }),
  );
  cluster.seed(Pods, pod('a'));
  asked.length = 0;
  cluster.change(Pods, 'default/a', ({ metadata }) => void (metadata.annotations = { note: 'x' }));
  expect(asked).toEqual([]);
  cluster.change(Pods, 'default/a', ({ metadata }) => void (metadata.labels = { app: 'other' }));
  expect(asked.map(([key]) => key).sort()).toEqual(['default/other', 'default/web']);
  expect(events.podsOf(other).map(({ metadata }) => metadata.name)).toEqual(['a']);
});

test('the trigger time is that of the oldest change since the last look', () => {
  const times = new TriggerTimes();
  const svc = service();
  const at = (name: string, since: string): ReturnType<typeof pod> =>
    pod(name, { status: ready('True', since) });
  expect(times.next(svc, [at('a', '2026-01-01T00:00:10Z')])).toBe(Date.parse('2026-01-01T00:00:00Z'));
  expect(times.next(svc, [at('a', '2026-01-01T00:00:10Z')])).toBeUndefined();
  const later = [at('a', '2026-01-01T00:00:40Z'), at('b', '2026-01-01T00:00:30Z')];
  expect(times.next(svc, later)).toBe(Date.parse('2026-01-01T00:00:30Z'));
});
