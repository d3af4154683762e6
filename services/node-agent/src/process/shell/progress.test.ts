import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, it } from 'vitest';
import { filesFor, put, textOf } from '../../test-support/container-files.ts';
import { Container } from '../../test-support/shell-under-test.ts';

/** Runs a script for a while, lets the agent die, and another one go on. */
async function interrupted(script: string, diesAtMs: number, thenMs: number, awayMs = 0) {
  const clock = new ManualClock();
  const files = filesFor({ clock, programs: ['sh', 'sleep', 'date', 'touch', 'rm', 'cat', 'tail'] });
  const argv = ['sh', '-c', script];
  const before = await new Container(argv, { clock, files }).start();
  await before.advance(diesAtMs);
  const { saved } = before;
  // The agent is gone: nothing of it runs, and its timers with it.
  const away = new ManualClock(clock.now() + awayMs);
  const after = await new Container(argv, { clock: away, files, saved }).start();
  await after.advance(thenMs);
  return { before, after, files, clock: away, saved };
}

describe('a script outlives the node agent', () => {
  it('the liveness example sleeps on and removes the file when it would have', async () => {
    const script = 'touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600';
    const { after, files } = await interrupted(script, 10_000, 19_000);
    expect(files.exists('/tmp/healthy')).toBe(true);
    await after.advance(1_500);
    expect(files.exists('/tmp/healthy')).toBe(false);
    await after.advance(599_000);
    expect(after.exit).toBeUndefined();
    await after.advance(1_000);
    expect(after.exit?.exitCode).toBe(0);
  });

  it('what is done is not done again, however long the agent was away', async () => {
    const script = 'echo once >> /tmp/log; sleep 30; echo later >> /tmp/log; sleep 600';
    const { after, files } = await interrupted(script, 10_000, 1_000, 100_000);
    expect(textOf(files, '/tmp/log')).toBe('once\nlater\n');
    expect(after.exit).toBeUndefined();
  });

  it('a loop that writes the date every five seconds keeps its rhythm', async () => {
    const { files } = await interrupted('while true; do date +%s >> /tmp/out; sleep 5; done', 12_000, 10_000);
    const seconds = textOf(files, '/tmp/out').trim().split('\n').map(Number);
    expect(seconds.map((each) => each - seconds[0]!)).toEqual([0, 5, 10, 15, 20]);
  });

  it.each<[string, string, string]>([
    ['variables', 'i=0; while true; do echo $i; i=$((i+1)); sleep 10; done', '0\n1\n|2\n3\n'],
    [
      'the words of a for loop',
      'for x in $(echo a b c d); do echo $x; sleep 10; done; sleep 99',
      'a\nb\n|c\nd\n',
    ],
    [
      'functions, their arguments and locals',
      'f() { local n=$1; echo in $n; sleep 15; echo out $n $1; }; n=9; f 7; echo $n; sleep 99',
      'in 7\n|out 7 7\n9\n',
    ],
    [
      'the branch of a condition',
      'if false; then :; elif true; then echo a; sleep 15; echo b; fi; sleep 99',
      'a\n|b\n',
    ],
    ['the branch of a case', 'case x in y) ;; x) echo a; sleep 15; echo b;; esac; sleep 99', 'a\n|b\n'],
    ['where an and-list stands', 'true && sleep 15 && echo b; sleep 99', '|b\n'],
    ['C-style loops', 'for ((i=0; i<9; i++)); do echo $i; sleep 10; done', '0\n1\n|2\n3\n'],
    ['options', 'set -e; sleep 15; false; echo never', '|'],
    ['the directory', 'cd /tmp; sleep 15; pwd; sleep 99', '|/tmp\n'],
    ['arguments', 'set -- a b; sleep 15; echo $2; sleep 99', '|b\n'],
    ['files opened by exec', 'exec >> /tmp/o; echo a; sleep 15; echo b; cat /tmp/o >&2; sleep 99', '|'],
  ])('with %s', async (_what, script, expected) => {
    const { before, after } = await interrupted(script, 11_000, 20_000);
    expect(`${before.stdout}|${after.stdout}`).toBe(expected);
  });

  it('does not empty again what a loop is redirected to', async () => {
    const { files } = await interrupted('{ echo a; sleep 15; echo b; } > /tmp/o; sleep 99', 10_000, 10_000);
    expect(textOf(files, '/tmp/o')).toBe('a\nb\n');
  });

  it('a trap that was set still answers', async () => {
    const { after } = await interrupted(
      "trap 'echo caught; exit 3' TERM; while true; do sleep 5; done",
      12_000,
      1_000,
    );
    after.signal('SIGTERM');
    await after.advance(5_000);
    expect(after.stdout).toBe('caught\n');
    expect(after.exit?.exitCode).toBe(3);
  });

  it('a pipeline begins again, with what came before it left alone', async () => {
    const script = 'echo first; n=5; { echo $n; sleep 30; echo done; } | cat; sleep 99';
    const { before, after } = await interrupted(script, 10_000, 31_000);
    expect(before.stdout).toBe('first\n5\n');
    expect(after.stdout).toBe('5\ndone\n');
  });

  it('a file that is followed is followed from where it was', async () => {
    const clock = new ManualClock();
    const files = filesFor({ clock, programs: ['sh', 'tail'] });
    put(files, '/tmp/log', 'one\n');
    const argv = ['sh', '-c', 'tail -n+1 -F /tmp/log'];
    const before = await new Container(argv, { clock, files }).start();
    await before.advance(5_000);
    put(files, '/tmp/log', 'one\ntwo\n');
    const after = await new Container(argv, {
      clock: new ManualClock(clock.now()),
      files,
      saved: before.saved,
    }).start();
    await after.advance(2_000);
    expect([before.stdout, after.stdout]).toEqual(['one\n', 'two\n']);
  });

  it('a script that was changed meanwhile begins anew', async () => {
    const { saved } = await interrupted('echo a; sleep 30', 10_000, 0);
    const other = await new Container(['sh', '-c', 'echo b; sleep 30'], { saved }).start();
    expect(other.stdout).toBe('b\n');
  });

  it('survives what no version of it has written', async () => {
    for (const saved of [
      null,
      7,
      'x',
      {},
      { source: 'echo a; sleep 30' },
      { source: 'echo a; sleep 30', way: [9, 9], variables: 3 },
    ]) {
      const container = await new Container(['sh', '-c', 'echo a; sleep 30'], { saved }).start();
      expect(container.stderr).toBe('');
      await container.finish();
    }
  });
});
