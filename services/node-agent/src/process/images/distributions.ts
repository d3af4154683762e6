/** Images that hold a distribution or a tool, and run what they are told. */

import type { ImageFiles } from '../../files/image-layer.ts';
import type { ImageProfile } from './profile.ts';

function release(id: string, name: string, version: string): () => ImageFiles {
  return () => ({
    '/etc/os-release': `PRETTY_NAME="${name} ${version}"\nNAME="${name}"\nVERSION_ID="${version}"\nID=${id}\n`,
  });
}

/** A shell that nobody types to ends at once, as it does for real. */
function shell(
  cmd: string,
  sizeMiB: number,
  files?: () => ImageFiles,
  more: Partial<ImageProfile> = {},
): ImageProfile {
  return { cmd: [cmd], commands: 'all', sizeMiB, ...(files === undefined ? {} : { files }), ...more };
}

/** What tells that their sh is dash, besides the release. */
function debian(version: string, osRelease: () => ImageFiles): () => ImageFiles {
  return () => ({ ...osRelease(), '/etc/debian_version': `${version}\n` });
}

/** What most images are built on. */
export const DEBIAN = debian('13.1', release('debian', 'Debian GNU/Linux', '13'));

export const DISTRIBUTIONS: Readonly<Record<string, ImageProfile>> = {
  busybox: shell('sh', 2, undefined, { commands: 'busybox', tags: /^(?:glibc|musl|uclibc)$/ }),
  alpine: shell('/bin/sh', 4, release('alpine', 'Alpine Linux', '3.22.1'), {
    commands: 'busybox',
    tags: /^edge$/,
  }),
  debian: shell('bash', 49, DEBIAN, { tags: /^(?:buster|bullseye|bookworm|trixie|sid|testing|unstable)/ }),
  ubuntu: shell('/bin/bash', 29, debian('trixie/sid', release('ubuntu', 'Ubuntu', '24.04')), {
    tags: /^(?:focal|jammy|noble|plucky|rolling|devel)/,
  }),
  centos: shell('/bin/bash', 80, release('centos', 'CentOS Linux', '8'), { tags: /^(?:centos\d|stream\d?)/ }),
  fedora: shell('/bin/bash', 60, release('fedora', 'Fedora Linux', '42')),
  rockylinux: shell('/bin/bash', 70, release('rocky', 'Rocky Linux', '9')),
  bash: { entrypoint: ['docker-entrypoint.sh'], cmd: ['bash'], commands: 'all', sizeMiB: 7 },
  perl: shell('perl', 360, DEBIAN, { workingDir: '/usr/src/app' }),
  python: shell('python3', 370, DEBIAN),
  'radial/busyboxplus': shell('/bin/sh', 4, undefined, { tags: /^(?:curl|git)$/ }),
  'curlimages/curl': { entrypoint: ['/entrypoint.sh'], cmd: ['curl'], commands: 'all', sizeMiB: 9 },
  'polinux/stress': { commands: 'all', sizeMiB: 4 },
  'nicolaka/netshoot': shell('bash', 180),
  'jessie-dnsutils': {
    entrypoint: ['/bin/sleep'],
    cmd: ['infinity'],
    commands: 'all',
    sizeMiB: 100,
    files: DEBIAN,
  },
  dnsutils: { entrypoint: ['/bin/sleep'], cmd: ['infinity'], commands: 'all', sizeMiB: 100, files: DEBIAN },
};
