import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliError } from '../cli-error.ts';
import { type DataDirectory, dataDirectory, makeDirectories } from '../data-directory.ts';
import { fetchStatus, NotRunning, requestKill, requestShutdown, requestStart } from './control-client.ts';
import { type ControlServer, serveControl } from './control-server.ts';
import { claimPidFile, writePidFile } from './pid-file.ts';
import type { ProcessStatus } from './process-spec.ts';

const row: ProcessStatus = {
  name: 'nats',
  state: 'running',
  pid: 42,
  ready: true,
  restarts: 1,
  memoryBytes: 1_000,
  address: '127.0.0.1:4222',
};

let data: DataDirectory;
let control: ControlServer;
let calls: string[];

beforeEach(async () => {
  data = dataDirectory(await mkdtemp(join(tmpdir(), 'orrery-control-')));
  await makeDirectories(data);
  calls = [];
  control = await serveControl({
    socketPath: data.controlSocket,
    supervisor: {
      status: () => Promise.resolve([row]),
      kill: (name, signal) => Promise.resolve(`killed ${name} by ${signal}`),
      startProcess: (name) => Promise.reject(new CliError(`unknown service "${name}"`)),
    },
    shutDown: async () => {
      calls.push('down');
    },
  });
});

afterEach(async () => {
  await control.close();
  await rm(data.path, { recursive: true });
});

describe('the control socket', () => {
  it('is for its owner only', async () => {
    expect((await stat(data.controlSocket)).mode & 0o777).toBe(0o600);
  });

  it('tells how the processes are', async () => {
    expect(await fetchStatus(data)).toEqual({ pid: process.pid, processes: [row] });
  });

  it('passes requests on, and what came of them back', async () => {
    expect(await requestKill(data, 'node-agent', 'SIGSTOP')).toBe('killed node-agent by SIGSTOP');
    await requestShutdown(data);
    expect(calls).toEqual(['down']);
  });

  it('passes on what the supervisor objects to', async () => {
    await expect(requestStart(data, 'a&b')).rejects.toThrow('unknown service "a&b"');
    await expect(requestKill(data, 'nats', 'SIGWINCH')).rejects.toThrow('unknown signal SIGWINCH');
  });

  it('takes the place of a socket that a killed supervisor left behind', async () => {
    await control.close();
    const stale = createServer().listen(data.controlSocket);
    await new Promise((resolve) => stale.once('listening', resolve));
    control = await serveControl({
      socketPath: data.controlSocket,
      supervisor: {
        status: () => Promise.resolve([]),
        kill: () => Promise.resolve(''),
        startProcess: () => Promise.resolve(''),
      },
      shutDown: () => Promise.resolve(),
    });
    expect((await fetchStatus(data)).processes).toEqual([]);
    stale.close();
  });

  it('means that no cluster runs when nobody listens', async () => {
    await control.close();
    await expect(fetchStatus(data)).rejects.toBeInstanceOf(NotRunning);
    await expect(fetchStatus(dataDirectory('/no/such/place'))).rejects.toThrow('no cluster runs on');
  });

  it('names what a killed supervisor left behind', async () => {
    await control.close();
    await writePidFile(data.pidFile('redis'), process.pid);
    await writeFile(data.pidFile('nats'), '');
    await expect(fetchStatus(data)).rejects.toThrow('was killed; without it run redis: ');
  });

  it('means a cluster on its way when the supervisor lives and does not listen', async () => {
    await control.close();
    await claimPidFile(data.pidFile('supervisor'));
    await expect(fetchStatus(data)).rejects.toThrow(`being started or stopped (pid ${process.pid})`);
  });
});
