/** Usage samples on NATS: lost freely, never refilled. */

import { UsageBatch } from '@orrery/proto/orrery/events.ts';
import type { Broker, EventSource } from './nats.ts';
import { ALL_USAGE_SUBJECT, usageSubject } from './subjects.ts';

/** Sends the samples of one node, if NATS is there. */
export function publishUsage(broker: Pick<Broker, 'publish'>, batch: UsageBatch): void {
  broker.publish(usageSubject(batch.node), UsageBatch.encode(batch).finish());
}

/** Receives the samples of all nodes; what cannot be read is skipped. Returns how to stop. */
export function subscribeUsage(source: EventSource, handler: (batch: UsageBatch) => void): () => void {
  return source.subscribe(ALL_USAGE_SUBJECT, (data) => {
    const batch = decodeUsage(data);
    if (batch !== undefined) handler(batch);
  });
}

function decodeUsage(data: Uint8Array): UsageBatch | undefined {
  try {
    return UsageBatch.decode(data);
  } catch {
    return undefined;
  }
}
