/** The image that all others are made upon. */

import { type ImageFiles, ImageLayer } from './image-layer.ts';
import { KERNEL_VERSION, MEMORY_GIB, PROCESSORS } from './machine.ts';
import { joinPath } from './paths.ts';

/** What small distributions hold. */
const BASE_FILES: ImageFiles = {
  '/bin': { directory: true },
  '/dev/full': { device: 'full' },
  '/dev/null': { device: 'null' },
  '/dev/random': { device: 'random' },
  '/dev/urandom': { device: 'random' },
  '/dev/zero': { device: 'zero' },
  '/dev/shm': { directory: true, mode: 0o1777 },
  '/etc/group': 'root:x:0:\ndaemon:x:1:\nbin:x:2:\nwww-data:x:33:\nnogroup:x:65534:\n',
  '/etc/nsswitch.conf': 'hosts: files dns\n',
  '/etc/os-release': [
    'NAME="Orrery Linux"',
    'ID=orrery',
    'ID_LIKE=debian',
    'VERSION_ID="1.34"',
    'PRETTY_NAME="Orrery Linux 1.34 (simulated)"',
    '',
  ].join('\n'),
  '/etc/passwd': [
    'root:x:0:0:root:/root:/bin/sh',
    'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin',
    'bin:x:2:2:bin:/bin:/usr/sbin/nologin',
    'www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin',
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
    '',
  ].join('\n'),
  '/home': { directory: true },
  '/mnt': { directory: true },
  '/opt': { directory: true },
  '/proc': { directory: true, mode: 0o555 },
  '/proc/cpuinfo': () => processors(),
  '/proc/loadavg': '0.00 0.00 0.00 1/64 1\n',
  '/proc/meminfo': () => memory(),
  '/proc/version': `Linux version ${KERNEL_VERSION} (simulated) #1 SMP Orrery\n`,
  '/root': { directory: true, mode: 0o700 },
  '/run': { directory: true },
  '/srv': { directory: true },
  '/sys': { directory: true, mode: 0o555 },
  '/tmp': { directory: true, mode: 0o1777 },
  '/usr/bin': { directory: true },
  '/usr/local/bin': { directory: true },
  '/usr/sbin': { directory: true },
  '/var/log': { directory: true },
  '/var/run': { symlink: '/run' },
  '/var/tmp': { directory: true, mode: 0o1777 },
};

function processors(): string {
  const lines = ['vendor_id\t: Orrery', 'model name\t: Simulated', 'cpu MHz\t\t: 2000.000'];
  return Array.from({ length: PROCESSORS }, (_, index) =>
    [`processor\t: ${index}`, ...lines, '', ''].join('\n'),
  ).join('');
}

/** As `free` has it. */
function memory(): string {
  const totalKib = MEMORY_GIB * 1_048_576;
  const rows = {
    MemTotal: totalKib,
    MemFree: totalKib / 2,
    MemAvailable: (totalKib * 3) / 4,
    Cached: totalKib / 4,
  };
  return Object.entries({ ...rows, SwapTotal: 0, SwapFree: 0 })
    .map(([name, kib]) => `${`${name}:`.padEnd(16)}${String(kib).padStart(8)} kB\n`)
    .join('');
}

let base: ImageLayer | undefined;

/** The layer that all images are made upon. */
export function baseLayer(): ImageLayer {
  base ??= new ImageLayer(BASE_FILES);
  return base;
}

/** The layer of an image: to be made once for each image. `programs` are names of commands, for `/bin`. */
export function imageLayer(files: ImageFiles, programs: readonly string[] = []): ImageLayer {
  const commands = programs.map((name) => [joinPath('/bin', name), { content: '', mode: 0o755 }] as const);
  return new ImageLayer({ ...Object.fromEntries(commands), ...files }, baseLayer());
}
