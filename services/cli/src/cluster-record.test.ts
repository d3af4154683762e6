import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterClock, parseClockAnchor } from '@orrery/kit/cluster-clock.ts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ClusterRecord,
  continueClock,
  DEFAULT_OPTIONS,
  internalPorts,
  type InternalPorts,
  readClusterRecord,
  writeClusterRecord,
} from './cluster-record.ts';
import { type DataDirectory, dataDirectory } from './data-directory.ts';

describe('continueClock', () => {
  const rate = fc.constantFrom(0.1, 0.5, 1, 3, 100);
  const start = 1_767_225_600_000;

  it('starts a new cluster at real time', () => {
    expect(continueClock(undefined, 10, start)).toEqual({ rate: 10, realMs: start, clusterMs: start });
  });

  it('keeps the anchor of a restart at the same rate, so that not even rounding moves time', () => {
    const anchor = continueClock(undefined, 10, start);
    expect(continueClock(anchor, 10, start + 12_345)).toBe(anchor);
  });

  it('never jumps or turns back, whatever rates follow one another', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(rate, fc.integer({ min: 0, max: 1e9 })), { minLength: 1 }), (starts) => {
        let realMs = start;
        let anchor = continueClock(undefined, 1, realMs);
        for (const [newRate, elapsedMs] of starts) {
          realMs += elapsedMs;
          const before = anchor.clusterMs + (realMs - anchor.realMs) * anchor.rate;
          anchor = continueClock(anchor, newRate, realMs);
          const after = anchor.clusterMs + (realMs - anchor.realMs) * anchor.rate;
          expect(Math.abs(after - before)).toBeLessThanOrEqual(0.5);
        }
      }),
    );
  });

  it('makes anchors that services can read', () => {
    const anchor = continueClock(continueClock(undefined, 0.1, start + 0.4), 2.5, start + 777.7);
    const { rate: newRate, realMs, clusterMs } = anchor;
    expect(parseClockAnchor(`${newRate}@${realMs}=${clusterMs}`)).toEqual(anchor);
    expect(new ClusterClock(anchor).now()).toBeGreaterThan(clusterMs);
  });
});

describe('the cluster record', () => {
  const ports = Object.fromEntries(
    internalPorts(2).map((name, index) => [name, 20_000 + index]),
  ) as InternalPorts;
  const record: ClusterRecord = {
    options: { ...DEFAULT_OPTIONS, nodes: 20, nodeAgents: 2 },
    ports,
    clock: { rate: 2, realMs: 1_000, clusterMs: 5_000 },
  };
  let data: DataDirectory;

  beforeEach(async () => {
    data = dataDirectory(await mkdtemp(join(tmpdir(), 'orrery-record-')));
  });

  afterEach(async () => {
    await rm(data.path, { recursive: true });
  });

  it('is read as it was written', async () => {
    await writeClusterRecord(data, record);
    expect(await readClusterRecord(data)).toMatchObject(record);
  });

  it('of a time when there was one node agent is read as such', async () => {
    await writeClusterRecord(data, record);
    const text = await readFile(data.clusterFile, 'utf8');
    const before = JSON.parse(text) as { options: Record<string, unknown>; ports: Record<string, unknown> };
    delete before.options['nodeAgents'];
    for (const name of ['node-agent-1-http', 'node-agent-1-grpc']) delete before.ports[name];
    await writeFile(data.clusterFile, JSON.stringify(before));
    expect((await readClusterRecord(data))?.options).toEqual({ ...record.options, nodeAgents: 1 });
  });

  it('is undefined where no cluster was', async () => {
    expect(await readClusterRecord(data)).toBeUndefined();
    expect(await readClusterRecord(dataDirectory(join(data.path, 'missing')))).toBeUndefined();
  });

  it('of a version that knew fewer options has the defaults of the others', async () => {
    const {
      crashloopInitialMs: _1,
      controllers: _2,
      nodeConfig: _3,
      schedulerConfig: _4,
      ...older
    } = record.options;
    await writeClusterRecord(data, { ...record, options: older as ClusterRecord['options'] });
    expect(await readClusterRecord(data)).toMatchObject(record);
  });

  it.each([
    { what: 'a cut off file', change: (text: string) => text.slice(0, -20) },
    { what: 'a file of something else', change: () => '{"name": "web"}' },
    { what: 'null', change: () => 'null' },
    { what: 'a missing port', change: (text: string) => text.replace('"redis"', '"rediz"') },
    { what: 'an unknown durability', change: (text: string) => text.replace('"always"', '"never"') },
    {
      what: 'a missing port of the second node agent',
      change: (text: string) => text.replace('agent-1-grpc', 'agent-x-grpc'),
    },
    {
      what: 'too many node agents',
      change: (text: string) => text.replace('"nodeAgents": 2', '"nodeAgents": 99'),
    },
    { what: 'another form', change: (text: string) => text.replace('"form": 1', '"form": 99') },
  ])('is refused when it is $what', async ({ change }) => {
    await writeClusterRecord(data, record);
    await writeFile(data.clusterFile, change(await readFile(data.clusterFile, 'utf8')));
    await expect(readClusterRecord(data)).rejects.toThrow("damaged or not Orrery's");
  });
});
