import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from './clock.ts';

interface Line {
  msg: string;
  level: number;
  [field: string]: unknown;
}

/** A process of the tiny service. */
class Tiny {
  readonly process: ChildProcess;
  readonly lines: Line[] = [];
  /** The code and the signal that it ended with; all lines have been read by then. */
  readonly exit: Promise<[number | null, string | null]>;
  stderr = '';
  readonly #waiting = new Map<string, (line: Line) => void>();

  constructor(...args: string[]) {
    const script = join(import.meta.dirname, 'test-support/tiny-service.ts');
    this.process = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    const output = createInterface({ input: this.process.stdout! });
    output.on('line', (text) => {
      const line = JSON.parse(text) as Line;
      this.lines.push(line);
      this.#waiting.get(line.msg)?.(line);
    });
    // Its last lines may come after its end.
    const ends = Promise.all([once(this.process, 'close'), once(output, 'close')]);
    this.exit = ends.then(([end]) => end as [number | null, string | null]);
  }

  /** The log line with this message, as soon as it is there. */
  async says(msg: string): Promise<Line> {
    const said = this.lines.find((line) => line.msg === msg);
    if (said !== undefined) return said;
    const saying = new Promise<Line>((resolve) => this.#waiting.set(msg, resolve));
    const ended = this.exit.then(() => Promise.reject(new Error(`ended without ${msg}: ${this.stderr}`)));
    return Promise.race([saying, ended]);
  }

  /** The answer of its health port. */
  async asked(path: string): Promise<string> {
    const { httpPort } = await this.says('started');
    const response = await fetch(`http://127.0.0.1:${String(httpPort)}${path}`);
    return `${response.status} ${await response.text()}`;
  }
}

const running: Tiny[] = [];
function start(...args: string[]): Tiny {
  const tiny = new Tiny(...args);
  running.push(tiny);
  return tiny;
}
afterEach(async () => {
  for (const tiny of running.splice(0)) {
    tiny.process.kill('SIGKILL');
    await tiny.exit;
  }
});

describe('a service', () => {
  it('with a wrong configuration names every problem and ends with 1', async () => {
    const tiny = start('unconfigured', 'ORRERY_HTTP_PORT=x', 'ORRERY_APISERVER=nowhere');
    expect(await tiny.exit).toEqual([1, null]);
    const named = tiny.stderr.split('\n').map((line) => line.split(':')[0]);
    expect(named).toEqual(
      expect.arrayContaining(['ORRERY_HTTP_PORT', 'ORRERY_APISERVER', 'ORRERY_NATS_URL']),
    );
    expect(tiny.stderr).not.toContain('    at ');
  });

  it('that cannot start says why and ends with 1', async () => {
    const tiny = start('failing');
    expect(await tiny.exit).toEqual([1, null]);
    expect(tiny.lines).toMatchObject([{ msg: 'start failed', level: 60, err: { message: 'cannot start' } }]);
  });

  it('is given its name, its clock and its logger, and says when it is ready', async () => {
    const tiny = start('well', 'ORRERY_INSTANCE=tiny-7', 'ORRERY_CLOCK=60');
    expect(await tiny.says('context')).toMatchObject({
      service: 'tiny',
      instance: 'tiny-7',
      rate: 60,
      clockIsThere: true,
    });
    expect(await tiny.asked('/healthz')).toBe('200 ok');
    let answer = await tiny.asked('/readyz');
    for (let tries = 0; answer === '503 not yet' && tries < 500; tries += 1) {
      await systemClock.sleep(10);
      answer = await tiny.asked('/readyz');
    }
    expect(answer).toBe('200 ok');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('drains on %s and ends with 0', async (signal) => {
    const tiny = start('well');
    await tiny.says('started');
    tiny.process.kill(signal);
    expect(await tiny.exit).toEqual([0, null]);
    expect(tiny.lines.slice(-2)).toMatchObject([{ msg: 'stopping', signal }, { msg: 'stopped' }]);
  });

  it('is not ready while it drains, and a second signal ends it at once', async () => {
    const tiny = start('stuck');
    await tiny.says('started');
    tiny.process.kill('SIGTERM');
    await tiny.says('stopping');
    expect(await tiny.asked('/readyz')).toBe('503 stopping');
    tiny.process.kill('SIGINT');
    expect(await tiny.exit).toEqual([1, null]);
    expect(tiny.lines.map(({ msg }) => msg)).not.toContain('stopped');
  });

  it('that cannot stop says why and ends with 1', async () => {
    const tiny = start('broken');
    await tiny.says('started');
    tiny.process.kill('SIGTERM');
    expect(await tiny.exit).toEqual([1, null]);
    expect(tiny.lines.at(-1)).toMatchObject({ msg: 'stop failed', err: { message: 'cannot stop' } });
  });

  it('says as little as its log level asks for', async () => {
    const tiny = start('failing', 'ORRERY_LOG_LEVEL=silent');
    expect(await tiny.exit).toEqual([1, null]);
    expect(tiny.lines).toEqual([]);
  });
});
