import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { filesFor, put, textOf } from '../test-support/container-files.ts';
import { FileError } from './file-system.ts';
import { Trees } from './trees.ts';

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof FileError) return error.code;
    throw error;
  }
  return 'none';
}

const IMAGE = {
  '/usr/share/nginx/html/index.html': 'Welcome',
  '/etc/app/a': 'a of the image',
  '/etc/app/b': { content: () => 'made when read', mode: 0o600 },
  '/etc/app/link': { symlink: 'a' },
};

describe('the files of an image', () => {
  test('are seen with all directories on the way', () => {
    const files = filesFor({ image: IMAGE, programs: ['sh', 'ls'] });
    expect(textOf(files, '/usr/share/nginx/html/index.html')).toBe('Welcome');
    expect(files.list('/bin')).toEqual(['ls', 'sh']);
    expect(files.list('/etc')).toEqual(['app', 'group', 'nsswitch.conf', 'os-release', 'passwd']);
    expect(files.stat('/etc/app/b')).toMatchObject({ type: 'file', mode: 0o600, sizeBytes: 14 });
    expect(files.realPath('/var/run/../tmp')).toBe('/tmp');
    expect(textOf(files, '/etc/app/link')).toBe('a of the image');
  });

  test('are copied up when they are changed, and stay as they were for others', () => {
    const trees = new Trees({ clock: new ManualClock() });
    const files = filesFor({ image: IMAGE, trees });
    expect(trees.find('containers/c1')).toBeUndefined();
    files.write('/etc/app/a', Buffer.from(', changed'), { append: true });
    files.setMode('/etc/app/b', 0o644);
    expect(textOf(files, '/etc/app/a')).toBe('a of the image, changed');
    expect(files.stat('/etc/app/b').mode).toBe(0o644);
    expect(textOf(files, '/etc/app/b')).toBe('made when read');
    expect(textOf(filesFor({ image: IMAGE }), '/etc/app/a')).toBe('a of the image');
    expect(trees.find('containers/c1')?.list('/etc/app')).toEqual(['a', 'b']);
  });

  test('are hidden when they are removed, also under a new directory of that name', () => {
    const files = filesFor({ image: IMAGE });
    files.remove('/etc/app/a');
    expect(files.list('/etc/app')).toEqual(['b', 'link']);
    put(files, '/etc/app/a', 'new');
    expect(textOf(files, '/etc/app/a')).toBe('new');
    files.remove('/etc/app', { recursive: true });
    expect(files.exists('/etc/app')).toBe(false);
    files.makeDirectory('/etc/app');
    expect(files.list('/etc/app')).toEqual([]);
  });

  test('move, alone and by directories', () => {
    const files = filesFor({ image: IMAGE });
    files.rename('/etc/app', '/srv/app');
    expect(files.list('/srv/app')).toEqual(['a', 'b', 'link']);
    expect(textOf(files, '/srv/app/link')).toBe('a of the image');
    expect(files.exists('/etc/app')).toBe(false);
    files.rename('/srv/app/a', '/srv/app/b');
    expect(textOf(files, '/srv/app/b')).toBe('a of the image');
  });
});

describe('devices', () => {
  test('take and give what they are there for', () => {
    const files = filesFor();
    put(files, '/dev/null', 'gone');
    expect(files.read('/dev/null')).toHaveLength(0);
    expect(files.read('/dev/zero').every((byte) => byte === 0)).toBe(true);
    expect(new Set(files.read('/dev/urandom')).size).toBeGreaterThan(200);
    expect(codeOf(() => put(files, '/dev/full', 'x'))).toBe('ENOSPC');
    expect(files.stat('/dev/null').type).toBe('device');
  });

  test('work on a root that is read-only', () => {
    const files = filesFor({ readOnlyRoot: true });
    put(files, '/dev/null', 'gone');
    expect(codeOf(() => put(files, '/tmp/x', ''))).toBe('EROFS');
    expect(codeOf(() => put(files, '/etc/passwd', ''))).toBe('EROFS');
    expect(codeOf(() => files.remove('/etc/passwd'))).toBe('EROFS');
    expect(codeOf(() => files.setMode('/etc/passwd', 0o777))).toBe('EROFS');
  });
});

describe('mounts', () => {
  function withMounts() {
    const trees = new Trees({ clock: new ManualClock() });
    const data = trees.open('data');
    data.makeDirectory('/deep/er', { recursive: true });
    put(data, '/deep/er/file', 'inside');
    data.symlink('/etc/passwd', '/absolute');
    put(trees.open('inner'), '/x', 'of inner');
    const mount = { subPath: '', readOnly: false };
    const files = filesFor({
      trees,
      image: IMAGE,
      mounts: [
        { ...mount, tree: 'data', containerPath: '/var/run/secrets/data/' },
        { ...mount, tree: 'inner', containerPath: '/var/run/secrets/data/deep/inner' },
        { ...mount, tree: 'data', containerPath: '/etc/app/a', subPath: 'deep/er/file' },
        { ...mount, tree: 'data', containerPath: '/ro', subPath: 'deep', readOnly: true },
      ],
    });
    trees.open('data').makeDirectory('/deep/inner');
    return { trees, files };
  }

  test('show a tree, a directory or a file of it; the longest path wins', () => {
    const { files } = withMounts();
    expect(files.list('/run/secrets/data')).toEqual(['absolute', 'deep']);
    expect(textOf(files, '/var/run/secrets/data/deep/inner/x')).toBe('of inner');
    expect(textOf(files, '/etc/app/a')).toBe('inside');
    expect(files.list('/etc/app')).toEqual(['a', 'b', 'link']);
    expect(files.list('/')).toContain('ro');
  });

  test('are written through, and two mounts of a tree show the same', () => {
    const { files, trees } = withMounts();
    put(files, '/etc/app/a', 'changed');
    expect(textOf(files, '/ro/er/file')).toBe('changed');
    put(files, '/run/secrets/data/new', '1');
    expect(trees.open('data').list('/')).toEqual(['absolute', 'deep', 'new']);
    expect(trees.find('containers/c1')).toBeUndefined();
  });

  test('resolve symlinks in the container, not in the tree', () => {
    const { files } = withMounts();
    expect(textOf(files, '/run/secrets/data/absolute')).toContain('root:x:0:0');
  });

  test.each<[string, string, (files: ReturnType<typeof filesFor>) => void]>([
    ['a write where it is read-only', 'EROFS', (files) => put(files, '/ro/er/file', '')],
    ['a new file where it is read-only', 'EROFS', (files) => put(files, '/ro/new', '')],
    ['the removal of a mount point', 'EBUSY', (files) => files.remove('/ro', { recursive: true })],
    ['the removal of what holds one', 'EBUSY', (files) => files.remove('/run/secrets', { recursive: true })],
    ['a move into another tree', 'EXDEV', (files) => files.rename('/etc/passwd', '/run/secrets/data/p')],
    ['a move on the read-only mount', 'EROFS', (files) => files.rename('/ro/er', '/ro/other')],
  ])('refuse %s with %s', (_, code, call) => {
    const { files } = withMounts();
    expect(codeOf(() => call(files))).toBe(code);
  });
});
