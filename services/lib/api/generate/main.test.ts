import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readZipMember } from './descriptors.ts';
import { generate, main, staleFiles } from './main.ts';

const files = generate();
const committed = fileURLToPath(new URL('../src/gen/', import.meta.url));

describe('the generated files', () => {
  it('are in step with the descriptors and the facts', () => {
    expect(staleFiles(files, committed)).toEqual([]);
  });

  it('come out the same every time', () => {
    expect(generate()).toEqual(files);
  });

  it('keep the type table small', () => {
    expect(files.get('schema.json')?.length).toBeLessThan(250_000);
  });

  it('give the newest version of a kind the plain name, and others one that says where they come from', () => {
    const types = files.get('types.ts') ?? '';
    expect(types).toContain('/** autoscaling/v2 */\nexport interface HorizontalPodAutoscaler {');
    expect(types).toContain('/** autoscaling/v1 */\nexport interface HorizontalPodAutoscalerV1 {');
    expect(types).toContain('/** v1 */\nexport interface Event {');
    expect(types).toContain('export interface EventsV1Event {');
    expect(types).toContain('export interface ExtensionsV1beta1Deployment {');
  });
});

describe('the command', () => {
  let directory: string;
  let said: string[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'generate-'));
    said = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(directory, { recursive: true });
  });

  it('writes what --check then accepts', () => {
    expect(main([], directory)).toBe(0);
    expect(readdirSync(directory).toSorted()).toEqual(['schema.json', 'types.ts']);
    expect(main(['--check'], directory)).toBe(0);
  });

  it('fails --check for a file that differs, and names it', () => {
    main([], directory);
    writeFileSync(join(directory, 'types.ts'), '// edited by hand\n');
    expect(main(['--check'], directory)).toBe(1);
    expect(said).toEqual([expect.stringContaining('types.ts is out of step')]);
  });

  it('refuses arguments that it does not know', () => {
    expect(main(['--chekc'], directory)).toBe(1);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('reading a zip archive', () => {
  it('says what is wrong with bytes that are none', () => {
    expect(() => readZipMember(Buffer.from('hello'), 'kubectl')).toThrow('not a zip archive');
  });
});
