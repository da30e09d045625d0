// End-to-end tests: a real browser against a real server (FLASHDB_BIN) or, without it, against the contract's stand-in.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { '@': __dirname } },
  test: {
    include: ['tests/e2e/**/*.test.ts'],
    environment: 'node',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A second, what is usual, is short for a browser that shares two cores with a server.
    expect: { poll: { timeout: 15_000 } },
    // One browser and one server at a time: the machine is small and the ports are fixed.
    fileParallelism: false,
  },
});
