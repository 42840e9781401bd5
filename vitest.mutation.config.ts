import { defineConfig } from 'vitest/config';

/** Only the tests of the room whose code is changed: each change runs those that reach it. */
export default defineConfig({
  test: {
    include: (process.env['MUTATION_TESTS'] ?? 'test/rooms/identifiers')
      .split(' ')
      .map((one) => `${one}/**/*.test.ts`),
    pool: 'threads',
    isolate: false,
    expect: { poll: { timeout: 10_000 } },
    testTimeout: 20_000,
  },
});
