import { expect, test } from 'vitest';
import { started } from '../test-support/container-under-test.ts';

test('what a container has used never falls, also when a process joins it in which nothing ran', async () => {
  const container = await started({ image: 'example.com/app:1' });
  await container.advance(3_600_000);
  const { cpuTotalMs } = container.task.usage();
  expect(cpuTotalMs).toBeGreaterThan(0);
  expect(await container.exec('true')).toMatchObject({ exitCode: 0 });
  expect(container.task.usage().cpuTotalMs).toBeGreaterThanOrEqual(cpuTotalMs);
});
