/**
 * What the apiserver knows about one resource. Discovery, OpenAPI, Table output, routing,
 * defaulting, validation and storage all follow from it; one file per kind beside this one.
 */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import type { FieldError } from '@orrery/api/status-error.ts';

/** One column of `kubectl get`. */
export interface Column<T> {
  name: string;
  type: 'string' | 'integer' | 'boolean' | 'date';
  /** `name` for the first column. */
  format?: string;
  description?: string;
  /** 0 is shown always, 1 only with -o wide. */
  priority?: 0 | 1;
  /** The cell; `nowMs` is epoch ms of the cluster's clock, for ages. */
  cell: (object: T, nowMs: number) => string | number | boolean;
}

/** A group version under which the resource is served. Objects are stored in the form of the first. */
export interface ServedVersion {
  group: string;
  version: string;
  /** From this version's form to the stored one, and back; both may reuse parts of their argument. Identity when absent. */
  toStored?: (object: KubeObject) => KubeObject;
  fromStored?: (object: KubeObject) => KubeObject;
  /** Fills in this version's defaults before `toStored`, where they differ from the stored version's. */
  defaults?: (object: KubeObject) => void;
  /** Text of the Warning header on every request to this version. */
  deprecation?: string;
  /** What `kubectl get` shows of this version, where it differs; cells are made from the stored form. */
  columns?: readonly Column<KubeObject>[];
}

/** How the scale subresource maps to the object. */
export interface ScaleMapping<T> {
  replicas(object: T): number;
  setReplicas(object: T, replicas: number): void;
  statusReplicas(object: T): number;
  /** Text form of the pod selector. */
  selector(object: T): string;
}

/** Subresources through which one part of an object is written, by rules of its own. */
export type PartName = 'ephemeralcontainers' | 'resize';

/** Ways into a pod: not objects, but streams (upstream calls them connecters). */
export type StreamName = 'attach' | 'exec' | 'log' | 'portforward';

export type SubresourceName =
  | 'status'
  | 'scale'
  | 'binding'
  | 'finalize'
  | PartName
  | 'eviction'
  | 'token'
  | StreamName;

/** How a subresource writes its part of the object. */
export interface PartUpdate<T> {
  /** The stored object with that part of the request in it; may share parts with both. */
  merge(request: T, stored: T): T;
  /** Everything wrong with the change. The result is validated as a whole besides. */
  validate(object: T, stored: T): FieldError[];
}

/** What hooks of a definition may ask for. */
export interface RegistryContext {
  readonly nowMs: number;
  readonly dryRun: boolean;
  /**
   * Takes a free ClusterIP, or the one asked for, for the Service with the uid `owner`.
   * Throws StatusError, about the Service called `name`, when it is taken or out of range.
   */
  allocateClusterIp(owner: string, wanted?: string, name?: string): Promise<string>;
  /** Frees it; only if `owner` holds it, when given. */
  releaseClusterIp(ip: string, owner?: string): Promise<void>;
  /** Takes a free node port, or the one asked for. `path` is the field that errors name. */
  allocateNodePort(owner: string, wanted?: number, path?: string, name?: string): Promise<number>;
  releaseNodePort(nodePort: number, owner?: string): Promise<void>;
}

export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  /** The stored version. */
  readonly ref: ResourceRef<T>;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** The first is the stored version (that of `ref`) and the preferred one of its group. */
  readonly versions: readonly ServedVersion[];
  readonly columns: readonly Column<T>[];
  /** Table row conditions, for instance Completed for finished pods. */
  readonly rowConditions?: (object: T) => { type: string; status: string; reason: string; message: string }[];
  /** Field selectors beyond metadata.name and metadata.namespace. */
  readonly fields?: Readonly<Record<string, (object: T) => string>>;
  readonly subresources: readonly SubresourceName[];
  readonly scale?: ScaleMapping<T>;
  /** What the subresources of this kind that write a part do; each of them is in `subresources` too. */
  readonly parts?: Readonly<Partial<Record<PartName, PartUpdate<T>>>>;
  /** The part whose change counts as a new generation; absent for kinds without generation. */
  readonly generationOf?: (object: T) => unknown;
  /** DELETE answers with the object instead of a Status. */
  readonly returnsDeleted?: boolean;
  /** PUT of a missing object creates it. */
  readonly createsOnUpdate?: boolean;
  /** PUT without resourceVersion is refused. */
  readonly needsResourceVersion?: boolean;
  /** DNS-1123 label or subdomain, and so on: what a name may be. Returns the reasons why not. */
  readonly nameProblems: (name: string) => string[];
  /** Fills in defaults, changing the object; applied on every write, so it must be idempotent. */
  readonly defaults?: (object: T) => void;
  /** Brings the object into the form in which Go writes it, where that differs; the last thing before it is stored. */
  readonly beforeStore?: (object: T) => void;
  /** Creation keeps the status that the client gives (nodes register with theirs). */
  readonly keepsStatusOnCreate?: boolean;
  /** Sets what the server decides at creation (status, allocations). Runs after defaults and admission. */
  readonly prepareCreate?: (object: T, context: RegistryContext) => Promise<void> | void;
  /** Carries over what an update may not change silently. Not for writes of subresources. */
  readonly prepareUpdate?: (object: T, stored: T, context: RegistryContext) => Promise<void> | void;
  /** Everything wrong with the object's own fields; metadata is checked for all kinds alike. */
  readonly validate: (object: T) => FieldError[];
  /** Everything wrong with the change (immutable fields). Runs besides `validate`. */
  readonly validateUpdate?: (object: T, stored: T) => FieldError[];
  /** Carries over what a write of the status may not change or lose; the spec is kept for all kinds alike. */
  readonly prepareStatusUpdate?: (object: T, stored: T) => void;
  readonly validateStatusUpdate?: (object: T, stored: T) => FieldError[];
  /** Warnings about a valid object; `stored` is what an update replaces. */
  readonly warnings?: (object: T, stored?: T) => string[];
  /**
   * Seconds of grace for a deletion; absent or 0 removes at once. `requested` is the option of
   * the request.
   */
  readonly gracePeriodSeconds?: (object: T, requested: number | undefined) => number;
  /** Refuses a deletion by throwing a StatusError. */
  readonly beforeDelete?: (object: T) => void;
  /** Kept until its finalizers in `spec` are gone too (namespaces). */
  readonly hasSpecFinalizers?: boolean;
  /** Gives back allocations after the object is gone. */
  readonly afterDelete?: (object: T, context: RegistryContext) => Promise<void>;
  /** Life time of an object since its last write (events). */
  readonly ttlMs?: number;
  /** The epoch that fences on this object are checked against (leases). */
  readonly fenceEpoch?: (object: T) => number;
}

/** Gives the definition its object type, and forgets it for tables of mixed kinds. */
export function define<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition {
  return definition as unknown as ResourceDefinition;
}
