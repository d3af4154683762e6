/** `./orrery down` */

import { rm } from 'node:fs/promises';
import { systemClock } from '@orrery/kit/clock.ts';
import { readClusterRecord } from '../cluster-record.ts';
import { CliError } from '../cli-error.ts';
import type { Call } from '../command.ts';
import type { downFlags } from '../command-flags.ts';
import { type DataDirectory, shown, wipe } from '../data-directory.ts';
import { endOrphans } from '../supervisor/cluster.ts';
import { NotListening, NotRunning, requestShutdown } from '../supervisor/control-client.ts';
import { livePid, sendSignal, STOP_LIMIT_MS, waitUntilGone } from '../supervisor/pid-file.ts';
import { SUPERVISOR } from '../supervisor/process-spec.ts';
import { note } from '../terminal.ts';

/** A start that is given up may have to end processes that do not react. */
const START_GIVEN_UP_LIMIT_MS = 90_000;

export async function run({ flags, data }: Call<typeof downFlags>): Promise<number> {
  if (!flags.wipe) {
    await stopCluster(data);
    return 0;
  }
  // Before anything is stopped: a directory that is not ours must not be wiped.
  const record = await readClusterRecord(data);
  await stopCluster(data);
  if (record === undefined) {
    note(`${shown(data.path)} holds no cluster, so there is nothing to remove`);
    return 0;
  }
  await wipe(data);
  note(`the data in ${shown(data.path)} is removed`);
  return 0;
}

async function stopCluster(data: DataDirectory): Promise<void> {
  try {
    await requestShutdown(data);
    await supervisorGone(data, STOP_LIMIT_MS);
  } catch (error) {
    if (error instanceof NotListening) {
      // On its way up it takes the signal for "no longer wanted".
      sendSignal(error.pid, 'SIGTERM');
      await supervisorGone(data, START_GIVEN_UP_LIMIT_MS);
    } else if (error instanceof NotRunning) {
      const hadOrphans = await endOrphans(data, systemClock, note);
      for (const path of [data.controlSocket, data.pidFile(SUPERVISOR)]) await rm(path, { force: true });
      if (!hadOrphans) {
        note(`no cluster runs on ${shown(data.path)}`);
        return;
      }
    } else {
      throw error;
    }
  }
  note('the cluster is down');
}

async function supervisorGone(data: DataDirectory, limitMs: number): Promise<void> {
  if (await waitUntilGone(data.pidFile(SUPERVISOR), systemClock, limitMs)) return;
  const pid = await livePid(data.pidFile(SUPERVISOR));
  throw new CliError(`the supervisor (pid ${pid}) does not end; end it with "kill -9 ${pid}"`);
}
