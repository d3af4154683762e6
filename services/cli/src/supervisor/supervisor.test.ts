import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { messageOf } from '../cli-error.ts';
import { type DataDirectory, dataDirectory, makeDirectories } from '../data-directory.ts';
import { lastLines } from './log-file.ts';
import { livePid } from './pid-file.ts';
import { processIdentity } from './process-identity.ts';
import type { ProcessEvent, ProcessSpec, ProcessState } from './process-spec.ts';
import { Supervisor } from './supervisor.ts';

/** Programs small enough to start many of. */
const SLEEPS = 'exec sleep 600';
const DIES = 'echo no configuration >&2; exit 3';

const never = (): Promise<boolean> => Promise.resolve(false);

let data: DataDirectory;
let events: ProcessEvent[];
let supervisor: Supervisor;

beforeEach(async () => {
  data = dataDirectory(await mkdtemp(join(tmpdir(), 'orrery-supervisor-')));
  await makeDirectories(data);
  events = [];
});

afterEach(async () => {
  await supervisor.stop();
  await rm(data.path, { recursive: true });
});

function spec(
  name: string,
  script: string,
  probe: () => Promise<boolean> = () => Promise.resolve(true),
): ProcessSpec {
  return {
    name,
    command: '/bin/sh',
    args: ['-c', script],
    environment: { WHO: name },
    address: 'here',
    probe,
  };
}

function supervise(specs: readonly ProcessSpec[], clock: Clock = systemClock): Supervisor {
  supervisor = new Supervisor(specs, { clock, data, onEvent: (event) => events.push(event) });
  return supervisor;
}

async function stateOf(name: string): Promise<ProcessState | undefined> {
  return (await supervisor.status()).find((each) => each.name === name)?.state;
}

async function pidOf(name: string): Promise<number> {
  const pid = (await supervisor.status()).find((each) => each.name === name)?.pid;
  if (pid === undefined) throw new Error(`${name} does not run`);
  return pid;
}

const namesOf = (kind: ProcessEvent['kind']): string[] =>
  events.filter((event) => event.kind === kind).map((event) => event.process);

/** Processes end in real time; this waits for what follows from it. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = systemClock.now() + 10_000;
  while (!(await condition())) {
    if (systemClock.now() > untilMs) throw new Error('it did not come about');
    await systemClock.sleep(2);
  }
}

/** Why something failed, once it has. */
function failureOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(() => 'it did not fail', messageOf);
}

/** Lets manual time pass in small steps until something has come about. */
async function advanceUntil(clock: ManualClock, condition: () => boolean): Promise<void> {
  await until(async () => {
    await clock.advance(1);
    return condition();
  });
}

describe('starting', () => {
  it('starts everything at once, gives each its environment and log, and waits until all are ready', async () => {
    let asked = 0;
    const slow = (): Promise<boolean> => Promise.resolve((asked += 1) > 3);
    await supervise([spec('a', `echo I am $WHO; ${SLEEPS}`), spec('b', SLEEPS, slow)]).start();
    expect(namesOf('started')).toEqual(['a', 'b']);
    expect(namesOf('ready').toSorted()).toEqual(['a', 'b']);
    expect(await supervisor.status()).toMatchObject([
      { name: 'a', state: 'running', ready: true, restarts: 0, address: 'here' },
      { name: 'b', state: 'running', ready: true, restarts: 0 },
      { name: 'supervisor', state: 'running', pid: process.pid },
    ]);
    await until(async () => (await lastLines(data.logFile('a'), 5)).length > 0);
    expect(await lastLines(data.logFile('a'), 5)).toEqual(['I am a']);
  });

  it('reports memory and records pids of what runs', async () => {
    await supervise([spec('a', SLEEPS)]).start();
    const [row] = await supervisor.status();
    expect(row?.memoryBytes).toBeGreaterThan(0);
    await until(async () => (await livePid(data.pidFile('a'))) === row?.pid);
  });

  it('stops everything again when one part dies over and over', async () => {
    await expect(supervise([spec('good', SLEEPS), spec('bad', DIES, never)]).start()).rejects.toThrow(
      'bad died 3 times, the last time because it exited with code 3',
    );
    expect(await stateOf('good')).toBe('stopped');
    expect(await stateOf('bad')).toBe('stopped');
    for (const { pid } of events)
      expect(pid === undefined ? undefined : await processIdentity(pid)).toBeUndefined();
    expect(await readdir(data.run)).toEqual([]);
    expect(await lastLines(data.logFile('bad'), 1)).toEqual(['no configuration']);
  });

  it('stops everything again when one part is not ready in time', async () => {
    const clock = new ManualClock();
    const started = supervise([spec('good', SLEEPS), spec('late', SLEEPS, never)], clock).start();
    const failure = failureOf(started);
    await clock.advance(60_000);
    expect(await failure).toContain('late is not ready after 60 s');
    expect(namesOf('stopped')).toEqual(['late', 'good']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('says so when a program cannot be run', async () => {
    const missing = { ...spec('missing', '', never), command: join(data.path, 'no-such-program') };
    await expect(supervise([missing]).start()).rejects.toThrow('cannot be run');
  });
});

describe('a part that dies by itself', () => {
  it('is started again, at once first and then with growing delays', async () => {
    const clock = new ManualClock();
    const start = supervise([spec('bad', DIES, never)], clock).startProcess('bad');
    const failure = failureOf(start);
    const delays: number[] = [];
    for (let death = 1; death <= 9; death += 1) {
      await until(() => namesOf('died').length === death);
      const last = events.findLast((event) => event.kind === 'died');
      const restartInMs = last?.kind === 'died' ? last.restartInMs : NaN;
      delays.push(restartInMs);
      await clock.advance(Math.max(0, restartInMs - 1));
      if (restartInMs > 0) expect(namesOf('started').length).toBe(death);
      await clock.advance(1);
      expect(namesOf('started').length).toBe(death + 1);
    }
    expect(await failure).toMatch(/bad died 3 times.*"\.\/orrery logs bad" may say why/);
    expect(delays).toEqual([0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('is forgiven after a good run of 30 seconds', async () => {
    const clock = new ManualClock();
    await supervise([spec('a', SLEEPS)], clock).start();
    for (const runMs of [0, 29_000, 30_000]) {
      await clock.advance(runMs);
      const deaths = namesOf('died').length;
      process.kill(await pidOf('a'), 'SIGKILL');
      await until(() => namesOf('died').length > deaths);
      await advanceUntil(clock, () => namesOf('ready').length === deaths + 2);
    }
    const delays = events.flatMap((event) => (event.kind === 'died' ? event.restartInMs : []));
    expect(delays).toEqual([0, 100, 0]);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'died', reason: 'was ended by SIGKILL' }));
    expect((await supervisor.status())[0]?.restarts).toBe(3);
  });
});

describe('kill', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('takes a part down by %s and keeps it down', async (signal) => {
    const clock = new ManualClock();
    await supervise([spec('a', SLEEPS), spec('b', SLEEPS)], clock).start();
    expect(await supervisor.kill('a', signal)).toContain('stays down');
    await clock.advance(60_000);
    expect(await stateOf('a')).toBe('stopped');
    expect(await stateOf('b')).toBe('running');
    expect(namesOf('died')).toEqual([]);
    expect(await supervisor.kill('a', signal)).toContain('down already');
  });

  it('also keeps down what waits for its restart', async () => {
    const clock = new ManualClock();
    supervise([spec('bad', DIES, never)], clock);
    const failure = failureOf(supervisor.startProcess('bad'));
    await until(() => namesOf('died').length === 1);
    await clock.advance(0);
    await until(() => namesOf('died').length === 2);
    await supervisor.kill('bad', 'SIGKILL');
    expect(await failure).toContain('bad was taken down');
    await clock.advance(60_000);
    expect(await stateOf('bad')).toBe('stopped');
    expect(namesOf('started').length).toBe(2);
  });

  it('ends a paused part by a signal that can be caught', async () => {
    await supervise([spec('a', SLEEPS)]).start();
    await supervisor.kill('a', 'SIGSTOP');
    await supervisor.kill('a', 'SIGTERM');
    expect(await stateOf('a')).toBe('stopped');
  });

  it('names the services when there is none of that name', async () => {
    await supervise([spec('redis', SLEEPS), spec('nats', SLEEPS)]).start();
    await expect(supervisor.kill('nat', 'SIGKILL')).rejects.toThrow(
      'unknown service "nat" (the services are redis, nats); did you mean nats?',
    );
  });
});

describe('pausing', () => {
  it('keeps the process, and is ended by SIGCONT or by a start', async () => {
    await supervise([spec('a', SLEEPS)]).start();
    const pid = await pidOf('a');
    for (const resume of [() => supervisor.kill('a', 'SIGCONT'), () => supervisor.startProcess('a')]) {
      expect(await supervisor.kill('a', 'SIGSTOP')).toContain('is paused');
      expect(await supervisor.status()).toMatchObject([{ state: 'paused', ready: false, pid }, {}]);
      await resume();
      expect(await supervisor.status()).toMatchObject([{ state: 'running', ready: true, pid }, {}]);
    }
    expect(namesOf('started')).toEqual(['a']);
  });

  it.each(['start', 'stop'] as const)('by somebody else is ended by a %s as well', async (how) => {
    // What has no handler ends by a signal even while it is paused.
    const handles = `trap "exit 0" TERM; echo trapped; while :; do sleep 0.05; done`;
    await supervise([spec('a', handles)], new ManualClock()).start();
    await until(async () => (await readFile(data.logFile('a'), 'utf8')).includes('trapped'));
    const pid = await pidOf('a');
    process.kill(pid, 'SIGSTOP');
    if (how === 'start') {
      expect(await supervisor.startProcess('a')).toBe(`a runs already (pid ${pid})`);
      process.kill(pid, 'SIGTERM');
      await until(() => namesOf('died').length === 1);
    } else {
      await supervisor.stop();
      expect(namesOf('stopped')).toEqual(['a']);
    }
  });

  it('is refused for a part that is being restarted', async () => {
    const clock = new ManualClock();
    supervise([spec('bad', DIES, never)], clock);
    const failure = failureOf(supervisor.startProcess('bad'));
    await until(() => namesOf('died').length === 1);
    await expect(supervisor.kill('bad', 'SIGSTOP')).rejects.toThrow('bad does not run');
    await supervisor.stop();
    expect(await failure).toContain('taken down');
  });
});

describe('start', () => {
  it('brings back what was taken down, as a new process, and returns when it is ready', async () => {
    await supervise([spec('a', SLEEPS)]).start();
    const before = await pidOf('a');
    await supervisor.kill('a', 'SIGKILL');
    expect(await supervisor.startProcess('a')).toContain('a is ready');
    expect(await stateOf('a')).toBe('running');
    expect(await pidOf('a')).not.toBe(before);
  });

  it('leaves alone what runs', async () => {
    await supervise([spec('a', SLEEPS)]).start();
    const pid = await pidOf('a');
    expect(await supervisor.startProcess('a')).toBe(`a runs already (pid ${pid})`);
  });
});

describe('stopping', () => {
  it('goes backwards, each part after the one that needs it is gone', async () => {
    await supervise([spec('store', SLEEPS), spec('server', SLEEPS), spec('client', SLEEPS)]).start();
    await supervisor.stop();
    expect(namesOf('stopped')).toEqual(['client', 'server', 'store']);
    expect(await readdir(data.run)).toEqual([]);
  });

  it('kills what does not react to SIGTERM in ten seconds', async () => {
    const clock = new ManualClock();
    const stubborn = `trap "" TERM; echo trapped; while :; do sleep 0.05; done`;
    await supervise([spec('stubborn', stubborn)], clock).start();
    await until(async () => (await readFile(data.logFile('stubborn'), 'utf8')).includes('trapped'));
    const stopped = supervisor.stop();
    await clock.advance(9_999);
    expect(await stateOf('stubborn')).toBe('stopping');
    await clock.advance(1);
    await stopped;
    expect(await stateOf('stubborn')).toBe('stopped');
  });
});
