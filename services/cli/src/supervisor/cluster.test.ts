import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliError } from '../cli-error.ts';
import { dataDirectory } from '../data-directory.ts';
import { bringUp } from './cluster.ts';
import { writePidFile } from './pid-file.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'orrery-up-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

/** Why a start failed. */
async function failure(path: string, port: number, signal = new AbortController().signal): Promise<unknown> {
  const request = { data: path, options: { port }, zeroDelays: true };
  return bringUp(request, { report: () => undefined, signal }).then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
}

describe('a start that cannot be', () => {
  let port: number;
  let release: () => Promise<void>;

  beforeEach(async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
    release = () => new Promise((resolve) => server.close(() => resolve()));
  });

  it('leaves nothing behind when the port is taken', async () => {
    expect(await failure(join(root, 'deep', 'cluster'), port)).toEqual(
      new CliError(`port ${port} is in use by another program; choose another with --port`),
    );
    expect(await readdir(root)).toEqual([]);
    await release();
  });

  it('leaves nothing behind when the record cannot be written, as on a full disk', async () => {
    await release();
    // Stands in for the full disk: something is where the record is drafted.
    await mkdir(join(root, 'cluster.json.new', 'in-the-way'), { recursive: true });
    expect(await failure(root, port)).toMatchObject({
      name: 'CliError',
      message: expect.stringMatching(/ cannot be written \(EISDIR.*; choose another with --data$/) as string,
    });
    expect(await readdir(root)).toEqual(['cluster.json.new']);
  });

  it('leaves nothing behind when it is no longer wanted', async () => {
    await release();
    expect(await failure(join(root, 'cluster'), port, AbortSignal.abort())).toEqual(
      new CliError('stopped before the cluster was ready'),
    );
    expect(await readdir(root)).toEqual([]);
  });

  it('is refused before it touches what runs, when another process has the directory', async () => {
    await release();
    const data = dataDirectory(root);
    await mkdir(data.run);
    await writeFile(data.clusterFile, '{}');
    for (const name of ['supervisor', 'redis']) await writePidFile(data.pidFile(name), process.ppid);
    expect(await failure(root, port)).toMatchObject({
      name: 'CliError',
      message: expect.stringContaining('a cluster is already running on') as string,
    });
    expect(await readdir(data.run)).toEqual(['redis.pid', 'supervisor.pid']);
  });
});
