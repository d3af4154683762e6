/** `./orrery kubectl` */

import { access } from 'node:fs/promises';
import type { Call } from '../command.ts';
import { childEnvironment } from '../config.ts';
import { runInForeground } from '../foreground.ts';
import { kubectlBinary, NEWEST_KUBECTL } from '../kubectl-binary.ts';
import { findProgram } from '../server-programs.ts';
import { NotRunning } from '../supervisor/control-client.ts';

export async function run({ rest, data }: Call): Promise<number> {
  try {
    await access(data.kubeconfig);
  } catch {
    throw new NotRunning(data);
  }
  return runInForeground({
    command: (await findProgram('kubectl')) ?? (await kubectlBinary(NEWEST_KUBECTL)),
    args: rest,
    environment: childEnvironment({ KUBECONFIG: data.kubeconfig }),
  });
}
