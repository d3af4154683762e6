import type { KubeObject } from '@orrery/api/gen/types.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { beforeEach, expect, test } from 'vitest';
import { CACHE_MS, CachedReader } from './cached-reader.ts';

interface Question {
  answer: (objects: KubeObject[]) => void;
  fail: (error: Error) => void;
}

let clock: ManualClock;
let questions: Question[];
let cached: CachedReader;
beforeEach(() => {
  clock = new ManualClock();
  questions = [];
  cached = new CachedReader(
    {
      get: () => Promise.resolve(undefined),
      list: () =>
        new Promise((resolve, reject) => {
          questions.push({ answer: resolve, fail: reject });
        }),
    },
    clock,
  );
});

const list = (namespace = 'default'): Promise<KubeObject[]> => cached.list('limitranges', namespace);

test('those who ask at once share one question, and so do those who ask soon after', async () => {
  const asked = [list(), list()];
  expect(questions).toHaveLength(1);
  questions[0]!.answer([]);
  expect(await Promise.all([...asked, list()])).toEqual([[], [], []]);
  await clock.advance(CACHE_MS);
  void list();
  void list('other');
  expect(questions).toHaveLength(3);
});

test('a change while a question is under way is asked for by those who come after it', () => {
  void list();
  cached.forget('limitranges', 'default', 'bounds');
  void list();
  expect(questions).toHaveLength(2);
});

test('a question that failed is asked again', async () => {
  const asked = list();
  questions[0]!.fail(new Error('the store is away'));
  await expect(asked).rejects.toThrow('the store is away');
  void list();
  expect(questions).toHaveLength(2);
});
