import { expect, test } from 'vitest';
import type { Program } from './process.ts';
import type { ProgramSource } from './task.ts';
import { started } from '../test-support/container-under-test.ts';

test('what a container has used never falls, also when a process joins it in which nothing ran', async () => {
  const container = await started({ image: 'example.com/app:1' });
  await container.advance(3_600_000);
  const { cpuTotalMs } = container.task.usage();
  expect(cpuTotalMs).toBeGreaterThan(0);
  expect(await container.exec('true')).toMatchObject({ exitCode: 0 });
  expect(container.task.usage().cpuTotalMs).toBeGreaterThanOrEqual(cpuTotalMs);
});

test('what a program starts after it was killed is dead', async () => {
  const forever = (): Promise<number> => new Promise(() => undefined);
  const program: Program = async (process) => {
    // It does not look at what happens to its process, as a program between two of its waits.
    await process.clock.sleep(1_000);
    process.spawn(['late'], forever, { background: true });
    return forever();
  };
  const launch: ProgramSource['launch'] = ({ command }) => ({ kind: 'program', argv: command, program });
  const container = await started(
    { command: ['forks'] },
    { programs: { launch, findProgram: () => undefined } },
  );
  container.task.signal('SIGKILL');
  await container.advance(1_000);
  expect(container.task.pids.entries()).toEqual([]);
});
