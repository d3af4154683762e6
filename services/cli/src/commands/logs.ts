/** `./orrery logs` */

import { systemClock } from '@orrery/kit/clock.ts';
import { DEFAULT_OPTIONS } from '../cluster-record.ts';
import { CliError } from '../cli-error.ts';
import type { Call } from '../command.ts';
import type { logsFlags } from '../command-flags.ts';
import { wantsColour } from '../config.ts';
import { type DataDirectory, shown } from '../data-directory.ts';
import { jsonLine, type LogLine, prettyLine } from '../log-line.ts';
import { LogReader, mergeByTime } from '../log-reader.ts';
import { nearest } from '../nearest.ts';
import { processesAmong, processNames } from '../process-table.ts';
import { olderPart } from '../supervisor/log-file.ts';
import { SUPERVISOR } from '../supervisor/process-spec.ts';
import { printInFull } from '../terminal.ts';
import { typedCommand } from '../typed-command.ts';

/** How often logs are looked at for new lines. */
const FOLLOW_PERIOD_MS = 200;

export async function run({ flags, positionals, data }: Call<typeof logsFlags>): Promise<number> {
  const names = await chosenLogs(positionals[0], data);
  const nameWidth = names.length === 1 ? 0 : Math.max(...names.map((name) => name.length));
  const pretty = { colour: wantsColour(), nameWidth };
  const format = (line: LogLine): string => (flags.json ? jsonLine(line) : prettyLine(line, pretty));

  const older = names.map((name) => new LogReader(name, olderPart(data.logFile(name))));
  const current = names.map((name) => new LogReader(name, data.logFile(name)));
  for await (const line of mergeByTime([...older, ...current])) await printInFull(format(line));
  while (flags.follow) {
    await systemClock.sleep(FOLLOW_PERIOD_MS);
    for await (const line of mergeByTime(current)) await printInFull(format(line));
  }
  return 0;
}

async function chosenLogs(name: string | undefined, data: DataDirectory): Promise<readonly string[]> {
  const written = processesAmong(await data.namesOfLogFiles());
  const known = [...(written.length === 0 ? processNames(DEFAULT_OPTIONS.nodeAgents) : written), SUPERVISOR];
  if (name !== undefined && !known.includes(name)) {
    const meant = nearest(name, known);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new CliError(`unknown service "${name}" (the logs are of ${known.join(', ')})${hint}`);
  }
  if (written.length === 0)
    throw new CliError(`no cluster has run on ${shown(data.path)}; "${typedCommand(data, 'up')}" starts one`);
  return name === undefined ? known : [name];
}
