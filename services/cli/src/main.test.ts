import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataDirectory } from './data-directory.ts';
import { projectRoot } from './project.ts';
import { writePidFile } from './supervisor/pid-file.ts';

interface Outcome {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function orrery(...args: string[]): Promise<Outcome> {
  const main = join(projectRoot, 'services/cli/src/main.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

describe('the command line', () => {
  it('shows help on standard output', async () => {
    const { code, stdout, stderr } = await orrery('help', 'kill');
    expect(code).toBe(0);
    expect(stdout).toContain('Usage: ./orrery kill SERVICE [FLAGS]');
    expect(stderr).toBe('');
  });

  it.each([
    { args: ['ups'], line: 'orrery: unknown command "ups"; did you mean "up"?' },
    {
      args: ['up', '--nodes', 'many'],
      line: 'orrery: --nodes takes a whole number from 1 to 5000, not "many"',
    },
    {
      args: ['up', '--data', '/dev/null'],
      line: 'orrery: /dev/null is not a directory; choose another with --data',
    },
    {
      args: ['ps', '--data', '/no/cluster'],
      line: 'orrery: no cluster runs on /no/cluster; "./orrery --data /no/cluster up" starts one',
    },
    {
      args: ['up', '--controllers=*,-deploymnt'],
      line: 'orrery: --controllers: no controller named "-deploymnt"; there are: namespace-controller, ',
    },
    { args: ['logs', 'reddis'], line: 'did you mean redis?' },
  ])('answers $args with one line and exit code 1', async ({ args, line }) => {
    const { code, stdout, stderr } = await orrery(...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(line);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('ends a start that does not listen yet, and only that', async () => {
    const data = dataDirectory(await mkdtemp(join(tmpdir(), 'orrery-main-')));
    await mkdir(data.run);
    // Stands in for a supervisor that still looks for its programs.
    const starting = spawn('sleep', ['600'], { stdio: 'ignore' });
    try {
      await writePidFile(data.pidFile('supervisor'), starting.pid ?? 0);
      // What a cluster is must be known to start it, not to end it.
      await writeFile(data.clusterFile, 'damaged');
      const ended = once(starting, 'exit');
      const outcome = await orrery('down', '--data', data.path);
      expect(outcome).toEqual({ code: 0, stdout: '', stderr: 'orrery: the cluster is down\n' });
      expect(await ended).toEqual([null, 'SIGTERM']);
    } finally {
      starting.kill('SIGKILL');
      await rm(data.path, { recursive: true });
    }
  });

  it('finds nothing to stop where no cluster is', async () => {
    expect(await orrery('down', '--wipe', '--data', '/no/cluster')).toMatchObject({ code: 0, stdout: '' });
  });
});
