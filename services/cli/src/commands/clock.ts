/** `./orrery clock` */

import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { ConfigMaps } from '@orrery/api/resources.ts';
import { isStatusError } from '@orrery/api/status-error.ts';
import { createClient, type SessionClient } from '@orrery/client/session.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import {
  type ClockAnchor,
  clusterTimeAt,
  MAX_RATE,
  parseClockAnchor,
  wallTime,
} from '@orrery/kit/cluster-clock.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { CliError } from '../cli-error.ts';
import { type ClusterRecord, readClusterRecord, writeClusterRecord } from '../cluster-record.ts';
import type { Call } from '../command.ts';
import type { commonFlags } from '../command-flags.ts';
import { NotRunning } from '../supervisor/control-client.ts';
import { formatTable } from '../table.ts';
import { print } from '../terminal.ts';

/** Where the apiserver keeps the clock (apiserver/src/cluster-clock.ts). */
const CLOCK = { namespace: 'kube-system', name: 'orrery-clock' } as const;

/** How long the apiserver may take for an answer, and for a change, in real milliseconds. */
const LIMIT_MS = 5_000;
const LOOK_AGAIN_MS = 20;

interface ClusterTime {
  readonly speed: number;
  readonly paused: boolean;
  readonly anchor: ClockAnchor;
}

/** What is wanted of the clock: `60`, `pause` or `resume`. @throws CliError for anything else */
export function parseChange(word: string): Record<string, string> {
  if (word === 'pause') return { paused: 'true' };
  if (word === 'resume') return { paused: 'false' };
  const speed = Number(word);
  if (!/^\d+(\.\d+)?$/.test(word) || speed <= 0 || speed > MAX_RATE) {
    throw new CliError(
      `"${word}" is nothing to set the clock to; it takes a speed above 0, at most ${MAX_RATE}, or "pause", or "resume"`,
    );
  }
  return { speed: word };
}

/** The clock in words; `nowMs` is real time. Pure. */
export function describeClock({ speed, paused, anchor }: ClusterTime, nowMs: number): string[] {
  const clusterMs = clusterTimeAt(anchor, nowMs);
  const pace = speed === 1 ? 'as fast as real time' : `${speed} times as fast as real time`;
  return formatTable([
    ['cluster time', new Date(clusterMs).toISOString()],
    ['real time', `${new Date(nowMs).toISOString()}${distance(clusterMs - nowMs)}`],
    ['speed', paused ? `paused; ${pace} when resumed` : pace],
  ]);
}

function distance(aheadMs: number): string {
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  if (seconds === 0) return '';
  const units: [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  const parts = units.slice(first, first + 2).map(([size, unit], index) => {
    const rest = index === 0 ? seconds : seconds % units[first]![0];
    return `${Math.floor(rest / size)} ${unit}`;
  });
  return `, ${parts.join(' ')} ${aheadMs > 0 ? 'behind' : 'ahead of'} it`;
}

async function read(client: SessionClient): Promise<ClusterTime> {
  const { data = {} } = await client.get<ConfigMap>(ConfigMaps, CLOCK);
  const anchor = parseClockAnchor(data['anchor'] ?? '');
  const speed = Number(data['speed']);
  if (anchor === undefined || Number.isNaN(speed))
    throw new CliError(
      `the ConfigMap ${CLOCK.namespace}/${CLOCK.name} makes no sense; delete it, it is made again`,
    );
  return { speed, paused: data['paused'] === 'true', anchor };
}

/** Resolves when the apiserver has made an anchor of what is wanted, and its moment has come. */
async function settled(client: SessionClient): Promise<ClusterTime> {
  const untilMs = systemClock.now() + LIMIT_MS;
  for (;;) {
    const time = await read(client);
    const isSet = time.anchor.rate === (time.paused ? 0 : time.speed);
    if (isSet && time.anchor.realMs <= wallTime()) return time;
    if (systemClock.now() > untilMs)
      throw new CliError('the apiserver has not set the clock yet; look again');
    await systemClock.sleep(LOOK_AGAIN_MS);
  }
}

export async function run({ positionals, data }: Call<typeof commonFlags>): Promise<number> {
  const [word] = positionals;
  const change = word === undefined ? undefined : parseChange(word);
  const record = await readClusterRecord(data);
  if (record === undefined) throw new NotRunning(data);
  const client = createClient({
    address: `127.0.0.1:${record.ports['apiserver-grpc']}`,
    agent: 'orrery-clock',
    logger: silentLogger(),
    deadlineMs: LIMIT_MS,
  });
  try {
    if (change !== undefined) await client.patch(ConfigMaps, CLOCK, 'merge', { data: change });
    const time = await settled(client);
    if (change !== undefined && !time.paused) await writeClusterRecord(data, withClock(record, time));
    for (const line of describeClock(time, wallTime())) print(line);
    return 0;
  } catch (error) {
    if (isStatusError(error, 'ServiceUnavailable')) throw new NotRunning(data);
    throw error;
  } finally {
    await client.close();
  }
}

/** The next start goes on at this speed. */
function withClock(record: ClusterRecord, { speed, anchor }: ClusterTime): ClusterRecord {
  return { ...record, options: { ...record.options, speed }, clock: anchor };
}
