// Unit tests: pure modules, without a browser.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { '@': __dirname } },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'node' },
});
