import { defineConfig } from 'vitest/config';

export default defineConfig({
  cacheDir: '.cache/vite',
  test: {
    name: 'core',
    environment: 'node',
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    pool: 'threads',
    // A machine that does other things is slow, not wrong. What hangs is found by the virtual clock.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
