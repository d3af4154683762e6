import { execFile } from 'node:child_process';
import { expect, it } from 'vitest';
import { createLogger, silentLogger } from './logger.ts';

it('a logger bears the names of its service and instance, and logs from its level on', () => {
  const logger = createLogger({ service: 'scheduler', instance: 's-0', level: 'warn' });
  expect(logger.bindings()).toEqual({ service: 'scheduler', instance: 's-0' });
  expect([logger.isLevelEnabled('info'), logger.isLevelEnabled('warn')]).toEqual([false, true]);
});

it('a silent logger logs nothing', () => {
  expect(silentLogger().isLevelEnabled('fatal')).toBe(false);
});

it('a service goes on when its log cannot be written', async () => {
  const program = `
    import { closeSync, openSync } from 'node:fs';
    import { createLogger } from ${JSON.stringify(new URL('logger.ts', import.meta.url).href)};
    // Stands in for the full disk: standard output can be read only.
    closeSync(1);
    openSync('/dev/null', 'r');
    const logger = createLogger({ service: 's', instance: 's-0', level: 'info' });
    for (let line = 0; line < 20_000; line += 1) logger.info({ line }, 'a line that nobody will read'.repeat(10));
    console.error('still here');`;
  const stderr = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--input-type=module', '--eval', program], (_, __, output) =>
      resolve(output),
    );
  });
  expect(stderr).toBe('still here\n');
});
