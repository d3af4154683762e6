import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          // Beside the sources: pure logic, and each part against real Redis, NATS and sockets.
          name: 'unit',
          include: ['services/**/*.test.ts', 'test/*.test.ts'],
          exclude: ['**/node_modules/**'],
          setupFiles: ['test/support/property-seed.ts'],
          pool: 'threads',
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          // A whole cluster and real clients; one file at a time, since each loads the machine.
          name: 'cluster',
          include: ['test/{conformance,e2e}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'compose',
          include: ['test/compose/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
