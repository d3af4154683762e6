import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { processIdentity, psIdentity } from './process-identity.ts';

let child: ChildProcess;
let pid: number;

beforeEach(() => {
  child = spawn('sleep', ['600'], { stdio: 'ignore' });
  pid = child.pid ?? 0;
});

afterEach(() => {
  child.kill('SIGKILL');
  vi.unstubAllEnvs();
});

describe.each([
  ['of this system', processIdentity],
  ['as ps tells it', psIdentity],
])('the identity of a process, %s', (_, identity) => {
  it('stays as long as it lives, in every time zone and language', async () => {
    const before = await identity(pid);
    expect(before).toBeDefined();
    vi.stubEnv('TZ', 'Asia/Shanghai');
    vi.stubEnv('LC_ALL', 'zh_CN.UTF-8');
    expect(await identity(pid)).toBe(before);
  });

  it('ends with it', async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await identity(pid)).toBeUndefined();
  });
});
