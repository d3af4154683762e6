import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  lstatSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FileError, type FileSystem } from './file-system.ts';
import { containerFiles } from './container-files.ts';
import { ImageLayer } from './image-layer.ts';
import { ROOT } from './posix-files.ts';
import { Trees } from './trees.ts';

/** Few names, so that calls meet each other's results. */
const path = fc
  .array(fc.constantFrom('a', 'b', 'c', '..', '.'), { minLength: 1, maxLength: 4 })
  .map((names) => `/${names.join('/')}`);

const call = fc.oneof(
  fc.record({
    what: fc.constant('write' as const),
    path,
    text: fc.string({ maxLength: 4 }),
    append: fc.boolean(),
  }),
  fc.record({ what: fc.constant('mkdir' as const), path, recursive: fc.boolean() }),
  fc.record({
    what: fc.constantFrom('unlink' as const, 'rmdir' as const, 'read' as const, 'list' as const),
    path,
  }),
  fc.record({ what: fc.constant('rename' as const), path, to: path }),
  // Relative targets only: those of the real tree must not leave it.
  fc.record({
    what: fc.constant('symlink' as const),
    path,
    target: fc.constantFrom('a', 'b', 'c', 'a/b', './c', 'b/.'),
  }),
);
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

function outcome(run: () => unknown): unknown {
  try {
    return run() ?? 'done';
  } catch (error) {
    return error instanceof FileError ? error.code : (error as NodeJS.ErrnoException).code;
  }
}

/** Of `mkdir -p`, which is many calls, Node has errors of its own. */
function resultOf(step: Call, run: () => unknown): unknown {
  const result = outcome(run);
  return step.what === 'mkdir' && step.recursive && result !== 'done' ? 'failed' : result;
}

function onTree(files: FileSystem, step: Call): unknown {
  switch (step.what) {
    case 'write':
      return files.write(step.path, Buffer.from(step.text), { append: step.append });
    case 'mkdir':
      return files.makeDirectory(step.path, { recursive: step.recursive });
    case 'unlink':
    case 'rmdir': {
      const isDirectory = files.stat(step.path, { followSymlinks: false }).type === 'directory';
      if (isDirectory !== (step.what === 'rmdir')) return 'other type';
      return files.remove(step.path);
    }
    case 'read':
      return Buffer.from(files.read(step.path)).toString();
    case 'list':
      return files.list(step.path);
    case 'rename':
      return files.rename(step.path, step.to);
    case 'symlink':
      return files.symlink(step.target, step.path);
  }
}

function onDisk(root: string, step: Call): unknown {
  const at = (path: string): string => root + path;
  switch (step.what) {
    case 'write':
      return writeFileSync(at(step.path), step.text, { flag: step.append ? 'a' : 'w' });
    case 'mkdir':
      return void mkdirSync(at(step.path), { recursive: step.recursive });
    case 'unlink':
    case 'rmdir': {
      const isDirectory = lstatSync(at(step.path)).isDirectory();
      if (isDirectory !== (step.what === 'rmdir')) return 'other type';
      return isDirectory ? rmdirSync(at(step.path)) : unlinkSync(at(step.path));
    }
    case 'read':
      return readFileSync(at(step.path), 'utf8');
    case 'list':
      return readdirSync(at(step.path)).toSorted();
    case 'rename':
      return renameSync(at(step.path), at(step.to));
    case 'symlink':
      return symlinkSync(step.target, at(step.path));
  }
}

/** Everything in a tree, with what it holds. */
function everythingOf(names: (path: string) => [string, string][], path = ''): string[] {
  return names(path).flatMap(([name, is]) => {
    const inner = `${path}/${name}`;
    return [`${inner} ${is}`, ...(is === 'directory' ? everythingOf(names, inner) : [])];
  });
}

const ofTree =
  (files: FileSystem) =>
  (path: string): [string, string][] =>
    files.list(`${path}/`).map((name) => {
      const { type, target } = files.stat(`${path}/${name}`, { followSymlinks: false });
      const is = type === 'file' ? `file ${Buffer.from(files.read(`${path}/${name}`)).toString()}` : type;
      return [name, target === undefined ? is : `${is} ${target}`];
    });

const ofDisk =
  (root: string) =>
  (path: string): [string, string][] =>
    readdirSync(root + path)
      .toSorted()
      .map((name) => {
        const entry = `${root}${path}/${name}`;
        const stat = lstatSync(entry);
        if (stat.isSymbolicLink()) return [name, `symlink ${readlinkSync(entry)}`];
        return [name, stat.isDirectory() ? 'directory' : `file ${readFileSync(entry, 'utf8')}`];
      });

/** Not above the root, where the two worlds differ; nor does anybody make or move `.`. */
function isComparable(step: Call): boolean {
  const paths = 'to' in step ? [step.path, step.to] : [step.path];
  const mayEndAnyhow = step.what === 'read' || step.what === 'list' || step.what === 'write';
  return paths.every((each) => (mayEndAnyhow || !each.endsWith('.')) && staysInside(each));
}

function staysInside(path: string): boolean {
  let depth = 0;
  return path.split('/').every((name) => {
    if (name === '..') depth -= 1;
    else if (name !== '' && name !== '.') depth += 1;
    return depth >= 0;
  });
}

/** What is there before the calls. */
type Begin = (root: string) => FileSystem;

function compareWith(begin: Begin): void {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'orrery-files-')));
  try {
    let round = 0;
    fc.assert(
      fc.property(fc.array(call.filter(isComparable), { maxLength: 40 }), (steps) => {
        round += 1;
        const root = join(scratch, String(round));
        mkdirSync(root);
        const files = begin(root);
        for (const step of steps) {
          expect([step, resultOf(step, () => onTree(files, step))]).toEqual([
            step,
            resultOf(step, () => onDisk(root, step)),
          ]);
        }
        expect(everythingOf(ofTree(files))).toEqual(everythingOf(ofDisk(root)));
      }),
      { numRuns: 100 },
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

test('a tree does to every call what the file system of this machine does', () => {
  compareWith(() => new Trees({ clock: new ManualClock() }).open('x'));
});

test('so do the files of a container over those of its image', () => {
  compareWith((root) => {
    mkdirSync(join(root, 'a/b/c'), { recursive: true });
    writeFileSync(join(root, 'a/b/a'), 'deep');
    writeFileSync(join(root, 'a/c'), 'in a');
    symlinkSync('a/b', join(root, 'b'));
    writeFileSync(join(root, 'c'), 'at the root');
    return containerFiles({
      trees: new Trees({ clock: new ManualClock() }),
      layer: 'containers/c1',
      image: new ImageLayer({
        '/a/b/c': { directory: true },
        '/a/b/a': 'deep',
        '/a/c': () => 'in a',
        '/b': { symlink: 'a/b' },
        '/c': 'at the root',
      }),
      mounts: [],
      user: ROOT,
    });
  });
});
