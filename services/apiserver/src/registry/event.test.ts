import type { Event } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cells, definitionOf, findings, type Json, sample } from './sample-objects.ts';

const events = definitionOf('events');
const later = events.versions[1]!;
const pod = { kind: 'Pod', namespace: 'default', name: 'web' };
const modern = {
  involvedObject: pod,
  eventTime: '2025-12-31T23:00:00.000000Z',
  reportingComponent: 'example.com/scheduler',
  reportingInstance: 'a',
  action: 'Binding',
  reason: 'Scheduled',
};

describe('an Event', () => {
  it.each<[string, Json, string[]]>([
    [
      'another namespace',
      { involvedObject: { ...pod, namespace: 'other' } },
      ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
    ],
    [
      'nothing that a new one needs',
      { involvedObject: pod, eventTime: modern.eventTime, reportingComponent: 'a' },
      ['reportingInstance: Required value', 'action: Required value', 'reason: Required value'],
    ],
    [
      'a long story',
      { ...modern, message: 'x'.repeat(1025) },
      ['message: Invalid value: "": can have at most 1024 characters'],
    ],
  ])('is refused for %s', (_case, fields, expected) => {
    expect(findings('events', sample('events', fields))).toEqual(expected);
  });

  it('is accepted in both forms', () => {
    expect(findings('events', sample('events', modern))).toEqual([]);
    expect(findings('events', sample('events', { involvedObject: { kind: 'Node', name: 'n' } }))).toEqual([]);
  });

  it('is forgotten after an hour', () => {
    expect(events.ttlMs).toBe(3_600_000);
  });

  it('shows its row', () => {
    const old = sample<Event>('events', {
      involvedObject: { ...pod, fieldPath: 'spec.containers{main}' },
      type: 'Normal',
      reason: 'Pulled',
      message: ' done\n',
      source: { component: 'kubelet', host: 'n1' },
      firstTimestamp: '2025-12-31T23:00:00Z',
      lastTimestamp: '2025-12-31T23:59:00Z',
      count: 4,
    });
    expect(cells('events', old)).toEqual({
      'Last Seen': '60s',
      Type: 'Normal',
      Reason: 'Pulled',
      Object: 'pod/web',
      Subobject: 'spec.containers{main}',
      Source: 'kubelet, n1',
      Message: 'done',
      'First Seen': '60m',
      Count: 4,
      Name: 'web',
    });
    expect(cells('events', sample('events', modern))).toMatchObject({
      'Last Seen': '60m',
      Source: 'example.com/scheduler, a',
      Count: 1,
    });
    const series = { count: 9, lastObservedTime: '2025-12-31T23:59:50.000000Z' };
    expect(cells('events', sample('events', { ...modern, series }))).toMatchObject({
      'Last Seen': '10s',
      Count: 9,
    });
    expect(cells('events', sample('events'))).toMatchObject({ 'Last Seen': '<unknown>' });
  });

  it('can be selected by what it is about', () => {
    const value = (name: string): string | undefined => events.fields?.[name]?.(sample('events', modern));
    expect(value('involvedObject.name')).toBe('web');
    expect(value('regarding.kind')).toBe('Pod');
    expect(value('involvedObject.uid')).toBe('');
    expect(value('source')).toBe('example.com/scheduler');
  });

  it('has other names in events.k8s.io, and comes back the same', () => {
    expect(
      later.fromStored?.(sample('events', { ...modern, message: 'm', source: { component: 'c' }, count: 2 })),
    ).toMatchObject({
      regarding: pod,
      note: 'm',
      reportingController: 'example.com/scheduler',
      deprecatedSource: { component: 'c' },
      deprecatedCount: 2,
    });
    const text = fc.string({ maxLength: 5 });
    const fields = fc.record(
      {
        message: text,
        reason: text,
        action: text,
        type: text,
        count: fc.nat(),
        reportingComponent: text,
        firstTimestamp: text,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fields, (some) => {
        const event = sample('events', { involvedObject: pod, ...some });
        expect(later.toStored?.(later.fromStored!(event))).toEqual(event);
      }),
    );
  });
});
