/** The volumes of an agent over objects that a test puts there. */

import type {
  ConfigMap,
  Draft,
  KubeObject,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
  TokenRequestSpec,
} from '@orrery/api/gen/types.ts';
import { formatTime, keyOf } from '@orrery/api/meta.ts';
import {
  ConfigMaps,
  PersistentVolumeClaims,
  PersistentVolumes,
  type ResourceRef,
  Secrets,
} from '@orrery/api/resources.ts';
import { notFound } from '@orrery/api/status-error.ts';
import type { Client, ObjectName } from '@orrery/client/client.ts';
import { createLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { PodConfigObjects } from '../environment/config-objects.ts';
import { containerFiles } from '../files/container-files.ts';
import type { FileSystem } from '../files/file-system.ts';
import { baseLayer } from '../files/base-layer.ts';
import { Trees } from '../files/trees.ts';
import { PodVolumes } from '../volumes/pod-volumes.ts';
import { isVolatile } from '../volumes/tree-names.ts';
import { ServiceAccountTokens } from '../volumes/tokens.ts';
import { FakeInformer } from './fake-informer.ts';

type Reading = Pick<Client, 'get' | 'createToken'>;

export class VolumesUnderTest {
  readonly clock = new ManualClock();
  readonly configMaps = new FakeInformer<ConfigMap>(ConfigMaps);
  readonly secrets = new FakeInformer<Secret>(Secrets);
  readonly claims = new FakeInformer<PersistentVolumeClaim>(PersistentVolumeClaims);
  readonly persistentVolumes = new FakeInformer<PersistentVolume>(PersistentVolumes);
  /** Objects that the apiserver has, whatever the informers show. */
  readonly stored = new Map<string, KubeObject>();
  readonly pods = new Map<string, Pod>();
  readonly tokenRequests: TokenRequestSpec[] = [];
  readonly trees: Trees;
  readonly volumes: PodVolumes;

  constructor() {
    const { clock } = this;
    this.trees = new Trees({ clock, isVolatile, prepare: (tree) => this.volumes.prepare(tree) });
    const client: Reading = {
      get: async <T extends KubeObject>(resource: ResourceRef<T>, { namespace, name }: ObjectName) => {
        const object = this.stored.get(`${resource.resource} ${namespace}/${name}`);
        if (object === undefined) throw notFound(resource, name);
        return object as T;
      },
      createToken: async (_namespace, account, spec) => {
        this.tokenRequests.push(spec);
        const { expirationSeconds = 0 } = spec;
        return {
          token: `token ${this.tokenRequests.length} of ${account}`,
          expirationTimestamp: formatTime(clock.now() + expirationSeconds * 1_000),
        };
      },
    };
    this.volumes = new PodVolumes({
      clock,
      logger: createLogger({ service: 'node-agent', instance: 'test', level: 'silent' }),
      trees: this.trees,
      objects: new PodConfigObjects(client, this.configMaps, this.secrets),
      tokens: new ServiceAccountTokens(client, clock),
      claims: { claims: this.claims.lister, persistentVolumes: this.persistentVolumes.lister },
      hostIp: () => '10.0.0.10',
      allocatable: () => ({ cpu: '4', memory: '16Gi' }),
      podNow: (key) => this.pods.get(key),
    });
  }

  configMap(name: string, fields: Partial<ConfigMap>): void {
    this.configMaps.offer({ type: 'put', object: named<ConfigMap>(name, fields) });
  }

  secret(name: string, data: Record<string, string>): void {
    const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
    this.secrets.offer({ type: 'put', object: named<Secret>(name, { data: Object.fromEntries(encoded) }) });
  }

  /** Mounts the volumes of a pod, as the pod is from now on. */
  async mount(draft: Draft<Pod>): Promise<Pod> {
    const pod = draft as Pod;
    pod.metadata.uid ??= `uid-${pod.metadata.name}`;
    this.pods.set(keyOf(pod), pod);
    await this.volumes.mount(pod);
    return pod;
  }

  /** What a container of a mounted pod sees. */
  filesOf(pod: Pod, index = 0): FileSystem {
    const { runAsUser: uid = 0, fsGroup = 0 } = pod.spec.securityContext ?? {};
    return containerFiles({
      trees: this.trees,
      layer: `containers/${pod.metadata.uid}-${index}`,
      image: baseLayer(),
      mounts: this.volumes.mountsOf(pod, pod.spec.containers[index]!, [['POD_NAME', pod.metadata.name]]),
      user: { uid, gid: 0, groups: [fsGroup] },
    });
  }
}

function named<T extends KubeObject>(name: string, fields: Partial<T>): T {
  return { metadata: { namespace: 'default', name, uid: `uid-${name}` }, ...fields } as unknown as T;
}
