/** Keeps the arrows of ARCHITECTURE.md true: who may import whom, and who may touch what. Docker reads the compose file only in `--compose`, so its shape is kept here too. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const root = resolve(import.meta.dirname, '..');

function sourceFiles(directory: string): string[] {
  return readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile() && each.name.endsWith('.ts'))
    .map((each) => relative(root, join(each.parentPath, each.name)))
    .filter((path) => !path.includes('node_modules/') && !path.includes('/gen/'));
}

const sources = ['proto', 'services', 'test'].flatMap(sourceFiles);
const products = sources.filter((path) => path.startsWith('services/') && !isTestCode(path));

function isTestCode(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/test-support/') || path.endsWith('/conformance.ts');
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Module names that a file imports, without type erasure: types count too. */
function importsOf(path: string): string[] {
  return [...read(path).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

const RANK: Record<string, number> = { proto: 0, api: 0, kit: 1, client: 2, controller: 3 };
const SERVICES = new Set(['apiserver', 'controller-manager', 'scheduler', 'hpa', 'node-agent', 'cli']);

function packageOf(path: string): string {
  const match = /^(?:services\/lib\/|services\/)?([^/]+)/.exec(path);
  return match?.[1] ?? '';
}

function rankOf(name: string): number {
  return RANK[name] ?? (SERVICES.has(name) ? 4 : 5);
}

describe('the arrows between packages', () => {
  it.each(products)('%s imports only what stands left of it', (path) => {
    const own = packageOf(path);
    const wrong = importsOf(path)
      .filter((name) => name.startsWith('@orrery/'))
      .map((name) => name.split('/')[1]!)
      .filter((other) => other !== own && (rankOf(other) > rankOf(own) || SERVICES.has(other)));
    expect(wrong).toEqual([]);
  });
});

/** Files that match `pattern` outside of where it is allowed. */
function offenders(pattern: RegExp, allowed: (path: string) => boolean, among = products): string[] {
  return among.filter((path) => !allowed(path) && pattern.test(read(path)));
}

describe('who touches what', () => {
  it('only the store knows Redis', () => {
    expect(offenders(/from 'ioredis'/, (path) => path.startsWith('services/apiserver/src/store/'))).toEqual(
      [],
    );
  });

  it("only the client library and the apiserver's event publisher know NATS", () => {
    const allowed = (path: string): boolean =>
      path.startsWith('services/lib/client/') || path.startsWith('services/apiserver/src/watch/');
    expect(offenders(/from 'nats'/, allowed)).toEqual([]);
  });

  it('only config.ts of a service reads the environment', () => {
    // There, `process` is the simulated process that a program is given.
    const isSimulated = (path: string): boolean => path.startsWith('services/node-agent/src/process/');
    const allowed = (path: string): boolean => path.endsWith('/config.ts') || isSimulated(path);
    expect(offenders(/process\.env/, allowed)).toEqual([]);
  });

  it('only lib/kit touches timers, the time and chance', () => {
    const bare = /(?<![.\w])(?:setTimeout|setInterval|randomUUID)\(|Date\.now\(|new Date\(\)|Math\.random\(/;
    expect(offenders(bare, (path) => path.startsWith('services/lib/kit/'))).toEqual([]);
  });

  it('nothing pays for all of node:http by importing it; lib/kit/src/http.ts says why', () => {
    expect(offenders(/^import (?!type ).*from 'node:http'/m, () => false)).toEqual([]);
  });

  it('nothing is called utils, common or helpers', () => {
    expect(sources.filter((path) => /(?:^|\/)(?:utils?|common|helpers?)(?:\.ts|\/)/.test(path))).toEqual([]);
  });

  it('the entry of every service stays under forty lines', () => {
    const long = products.filter(
      (path) => path.endsWith('src/main.ts') && read(path).split('\n').length > 40,
    );
    expect(long).toEqual([]);
  });
});

describe('the compose file', () => {
  const { services } = parse(read('compose/compose.yaml'), { merge: true }) as {
    services: Record<string, { environment?: Record<string, unknown> }>;
  };

  it.each(Object.entries(services))('gives %s an environment of texts', (_name, { environment = {} }) => {
    for (const [variable, value] of Object.entries(environment)) {
      expect(variable).toMatch(/^[A-Z_]+$/);
      expect(value, variable).toBeTypeOf('string');
    }
  });
});
