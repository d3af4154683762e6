import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './project.ts';

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
      line: 'orrery: no cluster runs on /no/cluster; "./orrery up" starts one',
    },
    { args: ['logs', 'reddis'], line: 'did you mean redis?' },
  ])('answers $args with one line and exit code 1', async ({ args, line }) => {
    const { code, stdout, stderr } = await orrery(...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(line);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('finds nothing to stop where no cluster is', async () => {
    expect(await orrery('down', '--wipe', '--data', '/no/cluster')).toMatchObject({ code: 0, stdout: '' });
  });
});
