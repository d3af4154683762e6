/** The cluster as this agent sees it: its client, what it follows, and which nodes are its own. */

import type { Node, Pod } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import {
  ConfigMaps,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  Secrets,
  Services,
} from '@orrery/api/resources.ts';
import { createEventBroadcaster } from '@orrery/client/event-recorder.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Informers } from '@orrery/client/informer.ts';
import { createInformers } from '@orrery/client/informers.ts';
import { connectNats } from '@orrery/client/nats.ts';
import { createClient } from '@orrery/client/session.ts';
import type { ServiceContext } from '@orrery/kit/service.ts';
import type { NodeAgentConfig } from '../config.ts';
import { PodConfigObjects } from '../environment/config-objects.ts';
import { Roster } from '../nodes/roster.ts';

const BY_NODE = 'node';

/** Recorders of one process share a broadcaster. */
function recorderPerNode(newRecorder: (host: string) => EventRecorder): (host: string) => EventRecorder {
  const recorders = new Map<string, EventRecorder>();
  return (host) => {
    let recorder = recorders.get(host);
    if (recorder === undefined) {
      recorder = newRecorder(host);
      recorders.set(host, recorder);
    }
    return recorder;
  };
}

export type Cluster = ReturnType<typeof joinCluster>;

/** Connects in the background; nothing is known before the informers have started. */
export function joinCluster(config: NodeAgentConfig, { clock, logger, metrics }: ServiceContext) {
  const roster = new Roster();
  const address = config.ORRERY_APISERVER;
  const client = createClient({ address, agent: 'node-agent', logger, clusterClock: clock });
  const nats = connectNats(config.ORRERY_NATS_URL, logger);
  const newInformers = (): Informers => createInformers({ client, events: nats, logger });
  const informers = newInformers();
  const pods = informers.of(Pods);
  const nodes = informers.of(Nodes);
  pods.addIndex(BY_NODE, ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]));
  const broadcaster = createEventBroadcaster({ client, clock, logger, metrics });
  return {
    roster,
    hostsNode: (node: string): boolean => roster.hosts(node),
    hostIp: (node: string): string => roster.addressOf(node),
    /** What the pods of a node may request together: what a container may use that has no limit of its own. */
    allocatable: (node: string): Readonly<Record<string, string>> =>
      roster.get(node)?.machine.allocatable ?? {},
    client,
    nats,
    informers,
    /** Informers of its own, for what is followed only when somebody asks for it. */
    newInformers,
    pods,
    podsOf: (node: string): readonly Pod[] => pods.lister.byIndex(BY_NODE, node),
    nodes,
    nodeOf: (node: string): Node | undefined => nodes.lister.get(objectKey('', node)),
    services: informers.of(Services),
    configMaps: informers.of(ConfigMaps),
    claims: informers.of(PersistentVolumeClaims),
    persistentVolumes: informers.of(PersistentVolumes),
    objects: new PodConfigObjects(client, informers.of(ConfigMaps), informers.of(Secrets)),
    /** The recorder of a node. */
    events: recorderPerNode((host) => broadcaster.recorder({ component: 'kubelet', host })),
    close: async (): Promise<void> => {
      broadcaster.close();
      await nats.close();
      await client.close();
    },
  };
}
