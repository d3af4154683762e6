/** A second process of a service that already runs: what an impatient supervisor would start. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readClusterRecord } from '../../services/cli/src/cluster-record.ts';
import { dataDirectory } from '../../services/cli/src/data-directory.ts';
import { processTable } from '../../services/cli/src/process-table.ts';
import { freePort } from '../support/free-port.ts';

/** Services that are not taken from the table are not started either. */
const NO_PROGRAMS = { redisServer: '', natsServer: '' };

export class Twin {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts a service again beside itself: same name, same cluster, health port of its own. */
  static async of(name: string, dataPath: string): Promise<Twin> {
    const data = dataDirectory(dataPath);
    const record = await readClusterRecord(data);
    if (record === undefined) throw new Error(`no cluster at ${dataPath}`);
    const table = processTable({ data, record, programs: NO_PROGRAMS, zeroDelays: true });
    const spec = table.find((each) => each.name === name);
    if (spec === undefined) throw new Error(`no service is called ${name}`);
    const env = { ...spec.environment, ORRERY_HTTP_PORT: String(await freePort()) };
    const log = openSync(data.logFile(`${name}-twin`), 'a');
    const child = spawn(spec.command, spec.args, { env, stdio: ['ignore', log, log] });
    closeSync(log);
    return new Twin(child);
  }

  /** Ends it in order, so that its Lease is free at once. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }
}
