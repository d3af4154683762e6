/** What an autoscaler scales: the kinds with a scale subresource, read from informers. */

import type { CrossVersionObjectReference } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import {
  Deployments,
  parseApiVersion,
  ReplicaSets,
  ReplicationControllers,
  type ResourceRef,
} from '@orrery/api/resources.ts';
import {
  formatLabelSelector,
  labelSelectorMatcher,
  mapMatcher,
  type Matcher,
} from '@orrery/api/selectors.ts';
import { notFound } from '@orrery/api/status-error.ts';
import type { Informers } from '@orrery/client/informer.ts';

export interface ScaleTarget {
  resource: ResourceRef;
  replicas: number;
  matcher: Matcher;
  /** The selector as text. */
  selector: string;
}

/** Why there is no target; the text is upstream's. */
export class NoTargetError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NoTargetError';
  }
}

type Read = (key: string) => ScaleTarget | undefined;

interface ScalableKind {
  /** The API groups that serve it. */
  groups: readonly string[];
  resource: ResourceRef;
  read: Read;
}

/** The old home is served too, and holds the same objects. */
const APPS = ['apps', 'extensions'];

export class ScaleTargets {
  readonly #kinds: readonly ScalableKind[];

  /** Asks for the informers it needs; to be made before they start. */
  constructor(informers: Informers) {
    const deployments = informers.of(Deployments).lister;
    const replicaSets = informers.of(ReplicaSets).lister;
    const controllers = informers.of(ReplicationControllers).lister;
    const readDeployment: Read = (key) => {
      const found = deployments.get(key);
      if (found === undefined) return undefined;
      const { replicas = 1, selector } = found.spec;
      return bySelector(Deployments, replicas, selector);
    };
    const readReplicaSet: Read = (key) => {
      const found = replicaSets.get(key);
      if (found === undefined) return undefined;
      const { replicas = 1, selector } = found.spec;
      return bySelector(ReplicaSets, replicas, selector);
    };
    const readController: Read = (key) => {
      const found = controllers.get(key);
      if (found === undefined) return undefined;
      const { replicas = 1, selector = {} } = found.spec ?? {};
      const text = formatLabelSelector({ matchLabels: selector });
      return { resource: ReplicationControllers, replicas, matcher: mapMatcher(selector), selector: text };
    };
    this.#kinds = [
      { groups: APPS, resource: Deployments, read: readDeployment },
      { groups: APPS, resource: ReplicaSets, read: readReplicaSet },
      { groups: [''], resource: ReplicationControllers, read: readController },
    ];
  }

  /**
   * Finds what the reference names. Without `apiVersion` the kind alone decides: the field is
   * optional, and old course material leaves it out for Deployments. Upstream takes this to
   * mean the core group and finds nothing; no two kinds that can be scaled share a name, so
   * the kind is enough.
   *
   * @throws NoTargetError when the kind cannot be scaled or the object does not exist.
   */
  get(namespace: string, { apiVersion = '', kind, name }: CrossVersionObjectReference): ScaleTarget {
    const { group } = parseApiVersion(apiVersion);
    const known = this.#kinds.find(
      ({ groups, resource }) => resource.kind === kind && (apiVersion === '' || groups.includes(group)),
    );
    if (known === undefined) {
      throw new NoTargetError(
        `unable to determine resource for scale target reference: no matches for kind "${kind}" in group "${group}"`,
      );
    }
    const target = known.read(objectKey(namespace, name));
    if (target === undefined) throw new NoTargetError(notFound(known.resource, name).message);
    return target;
  }
}

function bySelector(
  resource: ResourceRef,
  replicas: number,
  selector: Parameters<typeof formatLabelSelector>[0],
): ScaleTarget {
  return {
    resource,
    replicas,
    matcher: labelSelectorMatcher(selector),
    selector: formatLabelSelector(selector),
  };
}
