import { afterEach, expect, it, vi } from 'vitest';
import { childEnvironment } from './config.ts';

afterEach(() => vi.unstubAllEnvs());

it('lets no setting of a service through, but what the user says about logs and tests', () => {
  vi.stubEnv('ORRERY_PORT', '1');
  vi.stubEnv('ORRERY_LOG_LEVEL', 'debug');
  vi.stubEnv('ORRERY_CHAOS_SEED', '7');
  vi.stubEnv('ORRERY_CHAOS_ROUNDS', '2');
  vi.stubEnv('ORRERY_PROPERTY_SEED', '5');
  const environment = childEnvironment({ ORRERY_NODES: '3' });
  const ours = Object.entries(environment).filter(([name]) => name.startsWith('ORRERY_'));
  expect(Object.fromEntries(ours)).toEqual({
    ORRERY_LOG_LEVEL: 'debug',
    ORRERY_CHAOS_SEED: '7',
    ORRERY_CHAOS_ROUNDS: '2',
    ORRERY_PROPERTY_SEED: '5',
    ORRERY_NODES: '3',
  });
});
