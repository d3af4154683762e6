/** A container that crashes on a cluster with upstream's first back-off, `--crashloop-initial 10s`. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestCluster } from '../support/cluster.ts';
import { Wire } from '../support/wire.ts';

/** The five minutes until the longest back-off pass in as many seconds. */
const SPEED = 60;
const DELAYS = ['10s', '20s', '40s', '1m20s', '2m40s', '5m0s'];

let cluster: TestCluster;
let wire: Wire;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 1, speed: SPEED, crashloopInitial: '10s' });
  wire = Wire.of(cluster.kubeconfig);
});
afterAll(async () => {
  wire.close();
  await cluster.remove();
});

it('waits ten seconds first, and then twice as long each time, up to five minutes', async () => {
  const watch = await wire.watch<Pod>('/api/v1/namespaces/default/pods?watch=true');
  await cluster.kubectlOk(['run', 'crashing', '--image=busybox', '--', 'sh', '-c', 'exit 1']);
  const told = new Set<string>();
  while (!told.has(DELAYS.at(-1)!)) {
    const { object } = await watch.next();
    const { message } = object.status?.containerStatuses?.[0]?.state?.waiting ?? {};
    const delay = /^back-off (\S+) restarting failed container=crashing /.exec(message ?? '')?.[1];
    if (delay !== undefined) told.add(delay);
  }
  watch.close();
  expect([...told]).toEqual(DELAYS);
});
