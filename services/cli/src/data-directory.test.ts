import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  assertUsable,
  dataDirectory,
  makeDirectories,
  makeRunDirectory,
  removeEmpty,
  wipe,
} from './data-directory.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'orrery-data-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

describe('the control socket', () => {
  it('is in the data directory', () => {
    expect(dataDirectory('/srv/orrery').controlSocket).toBe('/srv/orrery/run/supervisor.sock');
  });

  it('moves to /tmp, whatever TMPDIR says, when its path would be too long, a different one for each cluster', () => {
    vi.stubEnv('TMPDIR', '/var/tmp');
    const [one, other] = ['a', 'b'].map(
      (last) => dataDirectory(`/srv/${'x'.repeat(90)}${last}`).controlSocket,
    );
    expect(one).toMatch(/^\/tmp\/orrery-\w+\.sock$/);
    expect(Buffer.byteLength(one ?? '')).toBeLessThanOrEqual(100);
    expect(one).not.toBe(other);
  });
});

describe('assertUsable', () => {
  it('accepts a directory that is missing, empty, or only has the kubeconfig of a cluster in containers', async () => {
    const data = dataDirectory(join(root, 'new', 'deep'));
    await assertUsable(data);
    await mkdir(data.path, { recursive: true });
    await assertUsable(data);
    await writeFile(data.kubeconfig, '');
    await assertUsable(data);
    expect(await readdir(data.path)).toEqual(['kubeconfig']);
  });

  it('accepts a directory that a cluster was in', async () => {
    const data = dataDirectory(root);
    await makeDirectories(data);
    await writeFile(data.clusterFile, '{}');
    await assertUsable(data);
  });

  it('accepts what a start leaves that was killed before it had written the record', async () => {
    const data = dataDirectory(root);
    await makeRunDirectory(data);
    await writeFile(data.pidFile('supervisor'), '');
    await writeFile(`${data.pidFile('supervisor')}.4711`, '');
    for (const path of [`${data.kubeconfig}.4711.tmp`, `${data.clusterFile}.new`]) await writeFile(path, '');
    await assertUsable(data);
  });

  it.each(['logs', 'run/other'])('refuses a directory of other things: %s', async (path) => {
    await mkdir(join(root, path), { recursive: true });
    await expect(assertUsable(dataDirectory(root))).rejects.toThrow('holds other things than a cluster');
  });

  it('refuses a file, and a place below a file', async () => {
    const file = join(root, 'file');
    await writeFile(file, '');
    await expect(assertUsable(dataDirectory(file))).rejects.toThrow('is not a directory');
    await expect(assertUsable(dataDirectory(join(file, 'below')))).rejects.toThrow('--data');
  });
});

describe('makeDirectories', () => {
  it('refuses a place where nothing can be made', async () => {
    await expect(makeDirectories(dataDirectory('/proc/orrery'))).rejects.toThrow(
      '/proc/orrery cannot be written',
    );
  });

  it('keeps everybody else out', async () => {
    const data = dataDirectory(join(root, 'cluster'));
    await makeDirectories(data);
    for (const path of [data.path, data.state, data.run]) expect((await stat(path)).mode & 0o777).toBe(0o700);
  });
});

describe('removeEmpty', () => {
  it('takes back what was made, as far as nothing else is in it', async () => {
    const data = dataDirectory(join(root, 'deep', 'cluster'));
    const made = await makeRunDirectory(data);
    expect(made).toEqual([join(root, 'deep'), data.path, data.run]);
    await writeFile(join(root, 'deep', 'thesis.tex'), '');
    await removeEmpty(made);
    expect(await readdir(join(root, 'deep'))).toEqual(['thesis.tex']);
  });
});

describe('wipe', () => {
  it('removes the cluster and the directory', async () => {
    const data = dataDirectory(join(root, 'cluster'));
    await makeDirectories(data);
    await writeFile(data.clusterFile, '{}');
    await writeFile(join(data.redis, 'dump'), '');
    for (const path of [`${data.kubeconfig}.4711.tmp`, `${data.clusterFile}.new`]) await writeFile(path, '');
    await wipe(data);
    expect(await readdir(root)).toEqual([]);
  });

  it('leaves what is not of the cluster', async () => {
    const data = dataDirectory(root);
    await makeDirectories(data);
    await writeFile(join(root, 'thesis.tex'), '');
    await wipe(data);
    expect(await readdir(root)).toEqual(['thesis.tex']);
  });
});
