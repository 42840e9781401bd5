import { defineConfig } from 'vitest/config';

/** Every fault in full, on servers of its own: about twenty minutes on an idle machine. */
export default defineConfig({
  test: {
    include: ['test/faults/*.faults.ts', 'test/e2e/crash.test.ts', 'test/e2e/renewal-crash.test.ts'],
    env: { FAULT_KILLS: process.env['FAULT_KILLS'] ?? '100' },
    globalSetup: './test/faults/built-program.ts',
    pool: 'forks',
    fileParallelism: false,
    expect: { poll: { timeout: 10_000 } },
    testTimeout: 300_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/support/closing-line.ts'],
  },
});
