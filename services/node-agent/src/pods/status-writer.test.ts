import type { Pod, PodStatus } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import {
  conflict,
  notFound,
  OBJECT_MODIFIED,
  serviceUnavailable,
  StatusError,
} from '@orrery/api/status-error.ts';
import { createLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { boundPod } from '../test-support/objects.ts';
import { StatusWriter } from './status-writer.ts';

const phase = (name: string): PodStatus => ({ phase: name });

/** A writer whose writes the test answers one by one. */
class WriterUnderTest {
  readonly realClock = new ManualClock();
  readonly sent: string[] = [];
  readonly written: string[] = [];
  readonly #answers: { resolve: (pod: Pod) => void; reject: (error: Error) => void }[] = [];
  readonly #pod = boundPod('web', {}, { uid: 'uid-1' }) as Pod;
  readonly writer = new StatusWriter(
    {
      client: {
        patch: (_resource, _name, _type, patch) => {
          const { status } = patch as { status: PodStatus };
          this.sent.push(status.phase!);
          return new Promise((resolve, reject) => {
            this.#answers.push({ resolve: resolve as unknown as (pod: Pod) => void, reject });
          });
        },
      },
      logger: createLogger({ service: 'node-agent', instance: 'test', level: 'silent' }),
      realClock: this.realClock,
      onWritten: (status) => void this.written.push(status.phase!),
    },
    this.#pod.metadata,
  );

  async answer(error?: Error): Promise<void> {
    const { resolve, reject } = this.#answers.shift()!;
    if (error === undefined) resolve(this.#pod);
    else reject(error);
    await settle();
  }
}

describe('the statuses of a pod', () => {
  test('are written one at a time, and only the newest', async () => {
    const test = new WriterUnderTest();
    for (const each of ['first', 'second', 'third']) test.writer.write(phase(each));
    expect(test.sent).toEqual(['first']);
    expect(test.writer.unconfirmed).toEqual(phase('third'));
    await test.answer();
    expect(test.sent).toEqual(['first', 'third']);
    await test.answer();
    expect(test.written).toEqual(['first', 'third']);
    expect(test.writer.unconfirmed).toBeUndefined();
  });

  test('are tried again with growing pauses, always the newest', async () => {
    const test = new WriterUnderTest();
    test.writer.write(phase('first'));
    await test.answer(serviceUnavailable('away'));
    test.writer.write(phase('second'));
    expect(test.sent).toHaveLength(1);
    await test.realClock.advance(100);
    await test.answer(conflict(Pods, 'web', OBJECT_MODIFIED));
    await test.realClock.advance(199);
    expect(test.sent).toEqual(['first', 'second']);
    await test.realClock.advance(1);
    expect(test.sent).toEqual(['first', 'second', 'second']);
    await test.answer();
    expect([test.written, test.realClock.pendingTimers]).toEqual([['second'], 0]);
  });

  test.each([
    ['does not exist', notFound(Pods, 'web')],
    [
      'is another one',
      conflict(Pods, 'web', 'Precondition failed: UID in precondition: a, UID in object meta: b'),
    ],
  ])('end when the pod %s', async (_, error) => {
    const test = new WriterUnderTest();
    test.writer.write(phase('first'));
    const idle = test.writer.idle();
    await test.answer(error);
    await idle;
    test.writer.write(phase('second'));
    expect([test.sent, test.realClock.pendingTimers]).toEqual([['first'], 0]);
  });

  test('that are refused for good give way to newer ones', async () => {
    const test = new WriterUnderTest();
    test.writer.write(phase('wrong'));
    await test.answer(new StatusError(422, 'Invalid', 'no'));
    expect([test.sent, test.writer.unconfirmed, test.realClock.pendingTimers]).toEqual([
      ['wrong'],
      undefined,
      0,
    ]);
    await test.writer.idle();
    test.writer.write(phase('right'));
    await test.answer();
    expect(test.written).toEqual(['right']);
  });

  test('are all written when the writer is idle', async () => {
    const test = new WriterUnderTest();
    await test.writer.idle();
    test.writer.write(phase('first'));
    test.writer.write(phase('second'));
    let idle = false;
    void test.writer.idle().then(() => (idle = true));
    await test.answer();
    expect(idle).toBe(false);
    await test.answer();
    expect(idle).toBe(true);
  });

  test('stop at once when told to, in flight or waiting', async () => {
    const test = new WriterUnderTest();
    test.writer.write(phase('first'));
    test.writer.stop();
    await test.writer.idle();
    await test.answer();
    expect(test.written).toEqual([]);
    const waiting = new WriterUnderTest();
    waiting.writer.write(phase('first'));
    await waiting.answer(serviceUnavailable('away'));
    waiting.writer.stop();
    expect(waiting.realClock.pendingTimers).toBe(0);
  });
});
