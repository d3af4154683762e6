/** Names on NATS. */

/** Where the events of a resource travel: `orrery.events.core.pods`. */
export function eventSubject({ group, resource }: { group: string; resource: string }): string {
  // A group such as discovery.k8s.io must stay one token of the subject.
  return `orrery.events.${group === '' ? 'core' : group.replaceAll('.', '_')}.${resource}`;
}

/** The events of every resource. */
export const ALL_EVENTS_SUBJECT = 'orrery.events.>';

/** Where the usage samples of one node travel. */
export function usageSubject(node: string): string {
  return `orrery.usage.${node.replaceAll('.', '_')}`;
}

export const ALL_USAGE_SUBJECT = 'orrery.usage.*';
