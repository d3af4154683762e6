import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Behavior, behaviorOf, behaviorProblems, parseBehavior } from './behavior.ts';

function read(text: string): Behavior | undefined {
  const { behaviors, problems } = parseBehavior(`web: ${text}`);
  expect(problems).toEqual([]);
  return behaviors.get('web');
}

describe('a behaviour', () => {
  test.each<[string, string, Behavior]>([
    ['nothing', '', {}],
    [
      'delays and an end',
      '{startupSeconds: 1, readySeconds: 2.5, runSeconds: 60, exitCode: 3}',
      { startupSeconds: 1, readySeconds: 2.5, runSeconds: 60, exitCode: 3 },
    ],
    [
      'a crash schedule',
      '{crashSeconds: [5, 10], crashExitCode: 139}',
      { crashSeconds: [5, 10], crashExitCode: 139 },
    ],
    [
      'constants',
      '{cpu: 250m, memory: 64Mi}',
      { cpu: { from: 250, to: 250, seconds: 0 }, memory: { from: 67_108_864, to: 67_108_864, seconds: 0 } },
    ],
    [
      'numbers for quantities',
      '{cpu: 2, memory: 1024}',
      { cpu: { from: 2_000, to: 2_000, seconds: 0 }, memory: { from: 1_024, to: 1_024, seconds: 0 } },
    ],
    ['a ramp', '{cpu: {from: 100m, to: 2, seconds: 60}}', { cpu: { from: 100, to: 2_000, seconds: 60 } }],
    ['work per request', '{cpuSecondsPerRequest: 0.02}', { cpuSecondsPerRequest: 0.02 }],
    [
      'HTTP',
      '{http: {8080: {/: 200, /api/*: {body: hi, headers: {X-A: b}, delaySeconds: 1}}}}',
      {
        http: new Map([
          [
            8080,
            new Map([
              ['/', { status: 200 }],
              ['/api/*', { status: 200, body: 'hi', headers: { 'X-A': 'b' }, delaySeconds: 1 }],
            ]),
          ],
        ]),
      },
    ],
    [
      'other ports',
      '{tcp: [3306], grpc: {5000: NOT_SERVING}}',
      { tcp: [3306], grpc: new Map([[5000, 'NOT_SERVING']]) },
    ],
    [
      'log lines',
      '{logs: [started, {line: tick, everySeconds: 5}]}',
      { logs: [{ line: 'started' }, { line: 'tick', everySeconds: 5 }] },
    ],
    ['deafness to TERM', '{termination: ignore}', { termination: 'ignore' }],
    ['a slow end', '{termination: {seconds: 3}}', { termination: { seconds: 3, exitCode: 0 } }],
  ])('can say %s', (_, text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test.each([
    ['web: {cpus: 1}', 'web.cpus: unknown key; known are startupSeconds, readySeconds, '],
    [
      'web: {runSeconds: soon}',
      'web.runSeconds: "soon" is not a number of seconds from 0 to 31622400, such as 2.5',
    ],
    ['web: {runSeconds: -1}', 'web.runSeconds: -1 is not a number of seconds'],
    ['web: {runSeconds: .inf}', 'web.runSeconds: null is not a number of seconds'],
    ['web: {exitCode: 256}', 'web.exitCode: 256 is not an exit code from 0 to 255'],
    ['web: {exitCode: 1.5}', 'web.exitCode: 1.5 is not an exit code from 0 to 255'],
    ['web: {crashSeconds: 5}', 'web.crashSeconds: 5 is not a list; write [a, b]'],
    ['web: {crashSeconds: [1, x]}', 'web.crashSeconds[1]: "x" is not a number of seconds'],
    [
      'web: {cpu: much}',
      'web.cpu: "much" is not an amount that a container can use; write a quantity such as 250m',
    ],
    [
      'web: {memory: -1}',
      'web.memory: -1 is not an amount that a container can use; write a quantity such as 64Mi',
    ],
    [
      'web: {cpu: {from: 1}}',
      'web.cpu: a ramp has from, to and seconds; write {from: 0, to: 250m, seconds: 60}',
    ],
    ['web: {cpu: {from: 1, till: 2}}', 'web.cpu.till: unknown key; known are from, to, seconds'],
    ['web: {http: {80: 200}}', 'web.http.80: 200 is not a map; write {/: 200}'],
    ['web: {http: {web: {/: 200}}}', 'web.http.web: null is not a port from 1 to 65535'],
    ['web: {http: {80: {x: 200}}}', 'web.http.80.x: "x" is not a path; it begins with /'],
    ['web: {http: {80: {/: 99}}}', 'web.http.80./: 99 is not an HTTP status from 100 to 599'],
    ['web: {http: {80: {/: {header: 1}}}}', 'web.http.80./.header: unknown key; known are status, body,'],
    [
      'web: {http: {80: {/: {headers: {"a b": x}}}}}',
      'web.http.80./.headers.a b: not a header that HTTP allows',
    ],
    ['web: {http: {80: {}}, tcp: [80]}', 'web: port 80 is used twice; keep it in one of http, tcp and grpc'],
    ['web: {grpc: {80: FINE}}', 'web.grpc.80: "FINE" is not a health; write SERVING or NOT_SERVING'],
    [
      'web: {logs: [{line: x, everySeconds: 0}]}',
      'web.logs[0].everySeconds: 0 is not a number of seconds from 0.01',
    ],
    [
      'web: {termination: never}',
      'web.termination: "never" is not a map; write ignore, or {seconds: 3, exitCode: 0}',
    ],
    ['web: [1]', 'web: [1] is not a map; write {runSeconds: 10}'],
    ['often', '"often" is not a map; write {web: {runSeconds: 10}}'],
    ['web: {', 'not YAML: Flow map in block collection must be sufficiently indented'],
    ['web: {}\nweb: {}', 'not YAML: Map keys must be unique at line 2, column 1'],
    ['a: &x {}\nb: *x', 'Alias resolution is disabled'],
    [`web: {} #${'x'.repeat(20_000)}`, 'longer than 8192 characters; say less'],
    ['['.repeat(8_000), 'not YAML: '],
    ['[? '.repeat(100), 'more than 40 question marks; say less'],
    ['__proto__: {cpus: 1}', '__proto__.cpus: unknown key'],
  ])('is refused with the key and the way out: case %#', (text, expected) => {
    const { behaviors, problems } = parseBehavior(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(expected);
    expect([...behaviors.values()].every((each) => each === undefined)).toBe(true);
  });

  test('tells at most ten problems', () => {
    const text = Array.from({ length: 20 }, (_, index) => `c${index}: {x: 1}`).join('\n');
    expect(parseBehavior(text).problems).toHaveLength(10);
  });
});

describe('in the annotation of a pod', () => {
  const annotated = (text: string) => ({ metadata: { annotations: { 'orrery.dev/behavior': text } } });

  test('each container has its own, and * stands for the others', () => {
    const pod = annotated('web: {exitCode: 1}\n"*": {exitCode: 2}');
    expect(['web', 'side'].map((name) => behaviorOf(pod, name)?.exitCode)).toEqual([1, 2]);
    expect(behaviorProblems(pod, ['web', 'side'])).toEqual([]);
  });

  test('a container whose behaviour cannot be read has none', () => {
    const pod = annotated('web: {exitCode: x}\n"*": {exitCode: 2}');
    expect(behaviorOf(pod, 'web')).toBeUndefined();
    expect(behaviorProblems(pod, ['web'])).toHaveLength(1);
  });

  test('a name that no container has is a problem', () => {
    expect(behaviorProblems(annotated('wbe: {}'), ['web', 'side'])).toEqual([
      'wbe: there is no such container; its containers are web, side, and * stands for all others',
    ]);
  });

  test('without it there is neither', () => {
    expect(behaviorOf({ metadata: {} }, 'web')).toBeUndefined();
    expect(behaviorProblems({}, ['web'])).toEqual([]);
  });
});

describe('the documentation', () => {
  const read = (path: string): string =>
    readFileSync(new URL(`../../../../docs/${path}`, import.meta.url), 'utf8');

  /** The texts of all behaviour annotations. */
  function annotationsIn(text: string): string[] {
    return [...text.matchAll(/^( *)orrery\.dev\/behavior: \|\n((?:\1 +.*\n|\n)+)/gm)].map(
      (match) => match[2]!,
    );
  }

  test.each(['containers.md', 'examples/behavior.yaml'])('in %s has examples that can be read', (path) => {
    const texts = annotationsIn(read(path));
    expect(texts).not.toEqual([]);
    for (const text of texts) expect(parseBehavior(text).problems).toEqual([]);
  });

  test('names every key', () => {
    const known = /known are (.*)$/.exec(parseBehavior('web: {x: 1}').problems[0]!)![1]!.split(', ');
    const rows = [...read('containers.md').matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]!);
    expect(rows.filter((row) => known.includes(row))).toEqual(known);
  });
});
