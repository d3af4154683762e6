import type { Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import { expect, test } from 'vitest';
import { FakeInformer } from '../test-support/fake-informer.ts';
import { boundPod, recordersInto, type RecordedEvent } from '../test-support/objects.ts';
import { warnOfAnnotations } from './annotation-warnings.ts';

function following() {
  const recorded: RecordedEvent[] = [];
  const pods = new FakeInformer<Pod>(Pods);
  const put = (annotations: Record<string, string> | undefined, node = 'node-1'): void => {
    const metadata = {
      uid: 'uid-1',
      resourceVersion: '1',
      ...(annotations === undefined ? {} : { annotations }),
    };
    pods.offer({ type: 'put', object: boundPod('web', { node }, metadata) as Pod });
  };
  const follow = (): void => warnOfAnnotations(pods, (node) => node === 'node-1', recordersInto(recorded));
  return { recorded, put, follow };
}

test('usage that cannot be read is warned of once, and again when it changes', () => {
  const { recorded, put, follow } = following();
  const wrong = { 'orrery.dev/cpu-usage': 'much' };
  put(wrong, 'node-9');
  follow();
  expect(recorded).toEqual([]);
  put(wrong);
  put(wrong);
  put({ ...wrong, 'orrery.dev/memory-usage': '1Gi' });
  expect(recorded).toMatchObject([{ node: 'node-1', pod: 'web', type: 'Warning', reason: 'InvalidUsage' }]);
  put({ 'orrery.dev/cpu-usage': 'more' });
  put(undefined);
  put({ 'orrery.dev/cpu-usage': '1' });
  expect(recorded).toHaveLength(2);
});

test('so is a behaviour', () => {
  const { recorded, put, follow } = following();
  follow();
  put({ 'orrery.dev/behavior': 'web: {exitCode: x}\nside: {}' });
  put({ 'orrery.dev/behavior': 'web: {exitCode: x}\nside: {}' });
  expect(recorded.map(({ reason, message }) => [reason, message])).toEqual([
    [
      'InvalidBehavior',
      'Annotation orrery.dev/behavior: web.exitCode: "x" is not an exit code from 0 to 255',
    ],
    [
      'InvalidBehavior',
      'Annotation orrery.dev/behavior: side: there is no such container; its containers are web, and * stands for all others',
    ],
  ]);
});
