import { defineConfig } from 'vitest/config';

export default defineConfig({
  cacheDir: '.cache/vite',
  test: {
    name: 'core',
    environment: 'node',
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    // Threads of one process hear each other's BroadcastChannels; files with one database's name would disturb each other.
    pool: 'forks',
    // Left to itself, it leaves one processor idle: half of a small machine.
    maxWorkers: '100%',
    // A machine that does other things is slow, not wrong. What hangs is found by the virtual clock.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
