/** The file with which kubectl finds the cluster and proves who it is. */

import { writeSecretFile } from './atomic-file.ts';
import type { Pki } from './pki.ts';

/** Cluster, user and context all bear the project's name. */
const NAME = 'orrery';

/** The administrator's kubeconfig. `server` is the URL that clients use. */
export function adminKubeconfig({ caCertificate, admin }: Pki, server: string): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return [
    'apiVersion: v1',
    'kind: Config',
    `current-context: ${NAME}`,
    'clusters:',
    `- name: ${NAME}`,
    '  cluster:',
    `    server: ${server}`,
    `    certificate-authority-data: ${base64(caCertificate)}`,
    'users:',
    `- name: ${NAME}`,
    '  user:',
    `    client-certificate-data: ${base64(admin.certificate)}`,
    `    client-key-data: ${base64(admin.privateKey)}`,
    'contexts:',
    `- name: ${NAME}`,
    '  context:',
    `    cluster: ${NAME}`,
    `    user: ${NAME}`,
    '',
  ].join('\n');
}

/** Writes the administrator's kubeconfig, in one step and for its owner only. */
export async function writeAdminKubeconfig(path: string, pki: Pki, server: string): Promise<void> {
  await writeSecretFile(path, adminKubeconfig(pki, server));
}
