import { type ChildProcess, spawn } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@orrery/kit/clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimPidFile, endRecorded, livePid, sendSignal, writePidFile } from './pid-file.ts';
import { processIdentity } from './process-identity.ts';

let root: string;
let path: string;
let child: ChildProcess;
let pid: number;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'orrery-pid-'));
  path = join(root, 'a.pid');
  child = spawn('sleep', ['600'], { stdio: 'ignore' });
  pid = child.pid ?? 0;
});

afterEach(async () => {
  child.kill('SIGKILL');
  await rm(root, { recursive: true });
});

const gone = (): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });

describe('a pid file', () => {
  it('means its process as long as that lives', async () => {
    await writePidFile(path, pid);
    expect(await livePid(path)).toBe(pid);
    child.kill('SIGKILL');
    await gone();
    expect(await livePid(path)).toBeUndefined();
  });

  it('does not mean another process that got the same pid later', async () => {
    await writeFile(path, JSON.stringify({ pid, identity: 'another boot/12345' }));
    expect(await livePid(path)).toBeUndefined();
    expect(await endRecorded(path, systemClock)).toBe(false);
    expect(await processIdentity(pid)).toBeDefined();
    await expect(access(path)).rejects.toThrow('ENOENT');
  });

  it.each(['', '{"pid":', '{"pid": "1"}', '{"pid": 1, "identity": "x"}', '[]'])(
    'means nothing when it is %j',
    async (text) => {
      await writeFile(path, text);
      expect(await livePid(path)).toBeUndefined();
    },
  );
});

describe('endRecorded', () => {
  it('ends the process, even a paused one, and removes the file', async () => {
    await writePidFile(path, pid);
    sendSignal(pid, 'SIGSTOP');
    expect(await endRecorded(path, systemClock)).toBe(true);
    await gone();
    expect(child.signalCode).toBe('SIGTERM');
    await expect(access(path)).rejects.toThrow('ENOENT');
  });

  it('does nothing where no file is', async () => {
    expect(await endRecorded(path, systemClock)).toBe(false);
  });
});

describe('claimPidFile', () => {
  it('is refused while another live process holds the place', async () => {
    await writePidFile(path, pid);
    expect(await claimPidFile(path)).toBe(false);
    expect(await livePid(path)).toBe(pid);
  });

  it('lets one of many in that find a dead process there at the same time', async () => {
    await writeFile(path, JSON.stringify({ pid, identity: 'another boot/12345' }));
    // Each says what came of it and stays until its input ends.
    const program = `
      import { claimPidFile } from ${JSON.stringify(new URL('pid-file.ts', import.meta.url).href)};
      process.stdin.once('data', async () => console.log(await claimPidFile(${JSON.stringify(path)})));
      process.stdin.once('end', () => undefined);
      console.log('here');`;
    const claimants = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ['--input-type=module', '--eval', program], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    const lineOf = (claimant: (typeof claimants)[number]): Promise<string> =>
      new Promise((resolve) => claimant.stdout.once('data', (chunk) => resolve(String(chunk).trim())));
    try {
      expect(new Set(await Promise.all(claimants.map(lineOf)))).toEqual(new Set(['here']));
      const answers = claimants.map(lineOf);
      for (const claimant of claimants) claimant.stdin.write('go\n');
      expect((await Promise.all(answers)).toSorted()).toEqual([...Array<string>(5).fill('false'), 'true']);
      expect(await readdir(root)).toEqual(['a.pid']);
    } finally {
      for (const claimant of claimants) claimant.kill('SIGKILL');
    }
  });

  it('takes the place of a dead process', async () => {
    await writePidFile(path, pid);
    child.kill('SIGKILL');
    await gone();
    expect(await claimPidFile(path)).toBe(true);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
  });
});
