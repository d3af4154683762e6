/**
 * What the files of configMap, secret, downwardAPI and projected volumes are (pkg/volume/configmap,
 * secret, downwardapi, projected: MakePayload and CollectData). Pure.
 */

import type {
  ConfigMapVolumeSource,
  DownwardAPIVolumeSource,
  KeyToPath,
  Pod,
  ProjectedVolumeSource,
  SecretVolumeSource,
  ServiceAccountTokenProjection,
  Volume,
} from '@orrery/api/gen/types.ts';
import { type ConfigObjects, findConfigMap, findSecret } from '../environment/config-objects.ts';
import { type Allocatable, fieldValue, type PodAddresses, resourceValue } from '../environment/downward.ts';
import type { Payload, ProjectedFile } from './atomic-writer.ts';

export interface PayloadSources extends ConfigObjects {
  addresses: PodAddresses;
  allocatable: Allocatable;
  /** The token for a projection; undefined while there is none yet: its file comes later. */
  token: (projection: ServiceAccountTokenProjection) => string | undefined;
}

const DEFAULT_MODE = 0o644;
/** Of tokens in a pod whose files belong to a group. */
const PRIVATE_MODE = 0o600;
/** What an owning group may at least do with files that are read-only (SetVolumeOwnership). */
const GROUP_READS = 0o440;

const encoder = new TextEncoder();

type Files = Map<string, ProjectedFile>;

/** Whether the content of a volume comes from the API. */
export function isProjected({ configMap, secret, downwardAPI, projected }: Volume): boolean {
  return (configMap ?? secret ?? downwardAPI ?? projected) !== undefined;
}

/** The files of such a volume. @throws Error in the kubelet's words, when what it names is not there */
export function payloadOf(pod: Pod, volume: Volume, sources: PayloadSources): Payload {
  const files: Files = new Map();
  if (volume.configMap !== undefined) addConfigMap(files, pod, volume.configMap, sources);
  else if (volume.secret !== undefined) addSecret(files, pod, volume.secret, sources);
  else if (volume.downwardAPI !== undefined) addDownward(files, pod, volume.downwardAPI, sources);
  else if (volume.projected !== undefined) addProjected(files, pod, volume.projected, sources);
  const fsGroup = pod.spec.securityContext?.fsGroup;
  if (fsGroup !== undefined) {
    for (const file of files.values()) {
      file.mode |= GROUP_READS;
      file.gid = fsGroup;
    }
  }
  return files;
}

function addKeys(
  files: Files,
  data: ReadonlyMap<string, Uint8Array>,
  { items = [], defaultMode = DEFAULT_MODE }: { items?: KeyToPath[]; defaultMode?: number },
  missing: (key: string) => string | undefined,
): void {
  const wanted = items.length > 0 ? items : Array.from(data.keys(), (key) => ({ key, path: key }));
  for (const { key, path, mode = defaultMode } of wanted as KeyToPath[]) {
    const bytes = data.get(key);
    const problem = bytes === undefined ? missing(key) : undefined;
    if (problem !== undefined) throw new Error(problem);
    if (bytes !== undefined) files.set(path, { data: bytes, mode });
  }
}

function addConfigMap(files: Files, pod: Pod, source: ConfigMapVolumeSource, sources: PayloadSources): void {
  const object = findConfigMap(sources, pod.metadata.namespace ?? '', source);
  const data = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(object?.data ?? {})) data.set(key, encoder.encode(text));
  for (const [key, text] of Object.entries(object?.binaryData ?? {}))
    data.set(key, Buffer.from(text, 'base64'));
  addKeys(files, data, source, (key) =>
    source.optional === true ? undefined : `configmap references non-existent config key: ${key}`,
  );
}

function addSecret(
  files: Files,
  pod: Pod,
  { secretName = '', optional, ...keys }: SecretVolumeSource,
  sources: PayloadSources,
): void {
  const reference = { name: secretName, ...(optional === undefined ? {} : { optional }) };
  const object = findSecret(sources, pod.metadata.namespace ?? '', reference);
  const data = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(object?.data ?? {})) data.set(key, Buffer.from(text, 'base64'));
  addKeys(files, data, keys, (key) =>
    optional === true ? undefined : `references non-existent secret key: ${key}`,
  );
}

function addDownward(
  files: Files,
  pod: Pod,
  { items = [], defaultMode = DEFAULT_MODE }: DownwardAPIVolumeSource,
  { addresses, allocatable }: PayloadSources,
): void {
  for (const { path, fieldRef, resourceFieldRef, mode = defaultMode } of items) {
    let text = '';
    if (fieldRef !== undefined) text = fieldValue(pod, fieldRef.fieldPath, addresses);
    else if (resourceFieldRef !== undefined)
      text = resourceValue(pod, undefined, resourceFieldRef, allocatable);
    files.set(path, { data: encoder.encode(text), mode });
  }
}

/** Every source is looked at: all that is wrong is said at once. */
function addProjected(
  files: Files,
  pod: Pod,
  { sources: projections = [], defaultMode = DEFAULT_MODE }: ProjectedVolumeSource,
  sources: PayloadSources,
): void {
  const problems: string[] = [];
  for (const { configMap, secret, downwardAPI, serviceAccountToken } of projections) {
    try {
      if (configMap !== undefined) addConfigMap(files, pod, { ...configMap, defaultMode }, sources);
      if (secret !== undefined) {
        const { name = '', ...rest } = secret;
        addSecret(files, pod, { secretName: name, ...rest, defaultMode }, sources);
      }
      if (downwardAPI !== undefined) addDownward(files, pod, { ...downwardAPI, defaultMode }, sources);
      if (serviceAccountToken !== undefined) {
        const token = sources.token(serviceAccountToken);
        const mode = pod.spec.securityContext?.fsGroup === undefined ? defaultMode : PRIVATE_MODE;
        if (token !== undefined) files.set(serviceAccountToken.path, { data: encoder.encode(token), mode });
      }
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  if (problems.length > 0) throw new Error(problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`);
}

/** The tokens that a volume asks for. */
export function tokensOf({ projected }: Volume): ServiceAccountTokenProjection[] {
  return (projected?.sources ?? []).flatMap(({ serviceAccountToken }) =>
    serviceAccountToken === undefined ? [] : [serviceAccountToken],
  );
}
