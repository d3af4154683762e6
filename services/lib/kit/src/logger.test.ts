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
