/** ServiceAccount: every pod runs as an account and gets its token (plugin/pkg/admission/serviceaccount). */

import type { Container, Pod, ServiceAccount, Volume } from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { Pods, ServiceAccounts } from '@orrery/api/resources.ts';
import { forbidden } from '@orrery/api/status-error.ts';
import { randomNameSuffix } from '@orrery/kit/random.ts';
import { MIRROR_ANNOTATION } from '../registry/pod-annotations.ts';
import type { AdmissionReader } from './cached-reader.ts';

const DEFAULT_ACCOUNT = 'default';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
const FILE_MODE = 0o644;

/** An hour, and a little that tells the kubelet's own tokens from others. */
const TOKEN_EXPIRATION_SECONDS = 3607;

/** @throws StatusError 403 when the account does not exist. */
export async function admitServiceAccount(reader: AdmissionReader, pod: Pod): Promise<void> {
  const { metadata, spec } = pod;
  // Mirrors of static pods are what the kubelet runs already.
  if (metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) return;
  spec.serviceAccountName ||= DEFAULT_ACCOUNT;
  spec.serviceAccount = spec.serviceAccountName;
  const { namespace } = metadata;
  const name = spec.serviceAccountName;
  const account = (await reader.get(ServiceAccounts.resource, namespace, name)) as ServiceAccount | undefined;
  if (account === undefined) {
    throw forbidden(
      Pods,
      metadata.name || (metadata.generateName ?? ''),
      `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
    );
  }
  if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod);
  if ((spec.imagePullSecrets ?? []).length === 0 && account.imagePullSecrets !== undefined) {
    spec.imagePullSecrets = jsonClone(account.imagePullSecrets);
  }
}

/** Mounts the token into every container that has nothing else in its place. */
function mountToken({ spec }: Pod): void {
  const present = spec.volumes?.find(
    (each) => each.name.startsWith(VOLUME_PREFIX) && each.projected !== undefined,
  );
  const name = present?.name ?? `${VOLUME_PREFIX}${randomNameSuffix()}`;
  let needed = false;
  const mountInto = (container: Container): void => {
    if (container.volumeMounts?.some((each) => each.mountPath === MOUNT_PATH) === true) return;
    container.volumeMounts ??= [];
    container.volumeMounts.push({ name, readOnly: true, mountPath: MOUNT_PATH });
    needed = true;
  };
  for (const container of spec.initContainers ?? []) mountInto(container);
  for (const container of spec.containers) mountInto(container);
  if (!needed || present !== undefined) return;
  spec.volumes ??= [];
  spec.volumes.push(tokenVolume(name));
}

/** Token, certificate of the cluster, and namespace in one directory. */
function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: FILE_MODE,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_EXPIRATION_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}
