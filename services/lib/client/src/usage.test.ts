import type { UsageBatch } from '@orrery/proto/orrery/events.ts';
import { expect, it } from 'vitest';
import { ALL_USAGE_SUBJECT, usageSubject } from './subjects.ts';
import { LocalBroker } from './test-support/local-broker.ts';
import { publishUsage, subscribeUsage } from './usage.ts';

const batch: UsageBatch = {
  node: 'node-0.rack',
  timeMs: 1_767_225_600_000,
  windowMs: 15_000,
  containers: [
    { namespace: 'default', pod: 'web', podUid: 'u', container: 'web', cpuMilli: 250, memoryBytes: 2 ** 33 },
  ],
};

it('carries samples from node to reader', () => {
  const broker = new LocalBroker();
  const sent: string[] = [];
  const received: UsageBatch[] = [];
  subscribeUsage(broker, (each) => received.push(each));
  publishUsage(
    {
      publish: (subject, data) => {
        sent.push(subject);
        return broker.publish(ALL_USAGE_SUBJECT, data);
      },
    },
    batch,
  );
  expect(sent).toEqual([usageSubject('node-0.rack')]);
  expect(received).toEqual([batch]);
});

it('skips what it cannot read', () => {
  const broker = new LocalBroker();
  const received: UsageBatch[] = [];
  const stop = subscribeUsage(broker, (each) => received.push(each));
  broker.publish(ALL_USAGE_SUBJECT, Buffer.from([0xff, 0xff, 0xff]));
  stop();
  broker.publish(ALL_USAGE_SUBJECT, Buffer.alloc(0));
  expect(received).toEqual([]);
});
