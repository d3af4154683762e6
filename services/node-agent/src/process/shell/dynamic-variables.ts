/** Variables that are computed when they are asked for. */

import { random } from '@orrery/kit/random.ts';
import type { Shell } from './shell.ts';

/** Undefined for a name that is none of them. */
export function dynamicVariable(shell: Shell, name: string): string | undefined {
  const { process } = shell;
  switch (name) {
    case 'RANDOM':
      return String(Math.floor(random() * 32_768));
    case 'SECONDS':
      return String(Math.floor((process.clock.now() - process.startedAtMs) / 1_000));
    case 'EPOCHSECONDS':
      return String(Math.floor(process.clock.now() / 1_000));
    case 'PWD':
      return shell.cwd;
    case 'PPID':
      return String(process.parentPid);
    case 'UID':
    case 'EUID':
      return shell.isBash ? String(process.uid) : undefined;
    case 'HOSTNAME':
      return process.hostname;
    case 'BASH':
      return shell.isBash ? '/bin/bash' : undefined;
    case 'BASH_VERSION':
      return shell.isBash ? '5.2.15(1)-release' : undefined;
    case 'PATH':
      return '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    default:
      return undefined;
  }
}
