import { describe, expect, it } from 'vitest';
import {
  clusterConfig,
  commonConfig,
  ConfigError,
  host,
  milliseconds,
  port,
  readConfig,
  wholeNumber,
} from './config.ts';

const shape = { ...commonConfig, ...clusterConfig };
const required = { ORRERY_APISERVER: '127.0.0.1:7000', ORRERY_NATS_URL: 'nats://127.0.0.1:4222' };

function problemsOf(environment: Record<string, string | undefined>): readonly string[] {
  try {
    readConfig(shape, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('a configuration', () => {
  it('has defaults for all but where the others are', () => {
    expect(readConfig(shape, { ...required, PATH: '/bin' })).toEqual({
      ...required,
      ORRERY_INSTANCE: 'local-0',
      ORRERY_BIND: '127.0.0.1',
      ORRERY_HTTP_PORT: 0,
      ORRERY_LOG_LEVEL: 'info',
      ORRERY_CLOCK: { rate: 1, realMs: 0, clusterMs: 0 },
    });
  });

  it('is read into numbers and anchors', () => {
    const config = readConfig(shape, { ...required, ORRERY_HTTP_PORT: '8080', ORRERY_CLOCK: '60@1=2' });
    expect(config).toMatchObject({
      ORRERY_HTTP_PORT: 8080,
      ORRERY_CLOCK: { rate: 60, realMs: 1, clusterMs: 2 },
    });
  });

  it('names every variable that is missing or wrong, not only the first', () => {
    const problems = problemsOf({
      ORRERY_HTTP_PORT: '70000',
      ORRERY_LOG_LEVEL: 'loud',
      ORRERY_CLOCK: 'fast',
      ORRERY_APISERVER: 'nowhere',
    });
    expect(problems.map((each) => each.slice(0, each.indexOf(':'))).sort()).toEqual([
      'ORRERY_APISERVER',
      'ORRERY_CLOCK',
      'ORRERY_HTTP_PORT',
      'ORRERY_LOG_LEVEL',
      'ORRERY_NATS_URL',
    ]);
    expect(problems).toContain('ORRERY_NATS_URL: must be set');
    expect(problems).toContain('ORRERY_APISERVER: must be HOST:PORT');
    expect(problems).toContain(
      'ORRERY_CLOCK: must be RATE or RATE@REALMS=CLUSTERMS with a rate from 0 to 1000',
    );
    expect(new ConfigError(problems).message).toBe(problems.join('\n'));
  });

  it.each([
    ['ORRERY_INSTANCE', ''],
    ['ORRERY_HTTP_PORT', '-1'],
    ['ORRERY_HTTP_PORT', '1.5'],
    ['ORRERY_HTTP_PORT', 'http'],
    ['ORRERY_APISERVER', 'host'],
    ['ORRERY_APISERVER', 'host:port'],
    ['ORRERY_NATS_URL', 'not a url'],
  ])('refuses %s=%j', (name, value) => {
    expect(problemsOf({ ...required, [name]: value })).toEqual([
      expect.stringMatching(new RegExp(`^${name}: `)),
    ]);
  });

  it('takes hosts with and without a port', () => {
    const read = (HOST: string) => readConfig({ HOST: host() }, { HOST });
    for (const text of ['10.0.0.1', 'node-agent:7444']) expect(read(text)).toEqual({ HOST: text });
    for (const text of ['', ':7444', 'a:', 'a:b', 'a b', 'a:1:2'])
      expect(() => read(text)).toThrow('HOST: must be HOST or HOST:PORT');
  });

  it('takes whole numbers in their ranges', () => {
    const numbers = { A: port(), B: milliseconds(), C: wholeNumber(3, 5)() };
    const read = (A: string, B: string, C: string) => readConfig(numbers, { A, B, C });
    expect(read('65535', '0', '5')).toEqual({ A: 65_535, B: 0, C: 5 });
    const wrong = { A: ['65536', '1.5', '0x10', ''], B: ['-1', '1e3', ' 1'], C: ['2', '6'] };
    for (const [name, values] of Object.entries(wrong))
      for (const value of values)
        expect(() => readConfig(numbers, { A: '1', B: '1', C: '4', [name]: value })).toThrow(
          new RegExp(`^${name}: must be a whole number from \\d+ to \\d+$`),
        );
  });
});
