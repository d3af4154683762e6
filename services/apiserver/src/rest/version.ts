/** What the server says it is. kubectl and Helm compare these with what they know. */

import { arch, platform } from 'node:process';

/** The Kubernetes release whose API is modelled: that of the type table. */
export const GIT_VERSION = 'v1.34.0+orrery';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** The answer to `GET /version`: apimachinery/pkg/version.Info. */
export const VERSION_JSON = JSON.stringify({
  major: '1',
  minor: '34',
  emulationMajor: '1',
  emulationMinor: '34',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '33',
  gitVersion: GIT_VERSION,
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '2025-08-27T00:00:00Z',
  goVersion: `node${process.version}`,
  compiler: 'v8',
  platform: `${platform}/${ARCHITECTURES[arch] ?? arch}`,
});
