import { describe, expect, it } from 'vitest';
import { type EventContent, EventCorrelator } from './event-correlator.ts';

function content(message: string, change: Partial<EventContent> = {}): EventContent {
  return {
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'u1', apiVersion: 'v1' },
    reason: 'Pulled',
    message,
    type: 'Normal',
    source: { component: 'kubelet', host: 'node-0' },
    reportingComponent: 'kubelet',
    reportingInstance: 'node-0',
    ...change,
  };
}

function correlator() {
  let nowMs = 0;
  let names = 0;
  const subject = new EventCorrelator({ now: () => nowMs, nameOf: () => `web.${(names += 1)}` });
  return { subject, pass: (ms: number) => void (nowMs += ms) };
}

describe('the correlator', () => {
  it('counts a repeat in the same Event', () => {
    const { subject, pass } = correlator();
    const first = subject.observe(content('pulled'));
    pass(5_000);
    const second = subject.observe(content('pulled'));
    expect(second).toBe(first);
    expect(second).toMatchObject({ name: 'web.1', count: 2, firstAtMs: 0, lastAtMs: 5_000 });
  });

  it.each([
    ['message', content('other')],
    ['reason', content('pulled', { reason: 'Failed' })],
    ['type', content('pulled', { type: 'Warning' })],
    [
      'container',
      content('pulled', {
        involvedObject: { ...content('').involvedObject, fieldPath: 'spec.containers{a}' },
      }),
    ],
    ['object', content('pulled', { involvedObject: { ...content('').involvedObject, uid: 'u2' } })],
    ['source', content('pulled', { source: { component: 'kubelet', host: 'node-1' } })],
  ])('keeps apart what differs in its %s', (_what, other) => {
    const { subject } = correlator();
    expect(subject.observe(other)?.name).not.toBe(subject.observe(content('pulled'))?.name);
  });

  it('joins the tenth and later different messages within ten minutes', () => {
    const { subject } = correlator();
    const names = Array.from({ length: 12 }, (_, index) => subject.observe(content(`failure ${index}`))!);
    expect(new Set(names.slice(0, 9).map(({ name }) => name)).size).toBe(9);
    expect(new Set(names.slice(9).map(({ name }) => name)).size).toBe(1);
    expect(names.at(-1)).toMatchObject({ count: 3, message: '(combined from similar events): failure 11' });
  });

  it('shows messages apart again after ten quiet minutes', () => {
    const { subject, pass } = correlator();
    for (let index = 0; index < 12; index += 1) subject.observe(content(`failure ${index}`));
    pass(600_001);
    expect(subject.observe(content('failure 99'))).toMatchObject({ count: 1, message: 'failure 99' });
  });

  it('lets one source say 25 things of an object at once, then one every five minutes', () => {
    const { subject, pass } = correlator();
    const accepted = () =>
      Array.from({ length: 40 }, () => subject.observe(content('x'))).filter(Boolean).length;
    expect(accepted()).toBe(25);
    pass(300_000);
    expect(accepted()).toBe(1);
    const other = content('x', { involvedObject: { ...content('').involvedObject, uid: 'u2' } });
    expect(subject.observe(other)).toBeDefined();
  });

  it('begins anew what it was told to forget', () => {
    const { subject } = correlator();
    const first = subject.observe(content('x'))!;
    subject.forget(first);
    expect(subject.observe(content('x'))).toMatchObject({ name: 'web.2', count: 1 });
  });
});
