import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/page/**/*.test.ts',
      'examples/*/src/**/*.test.ts',
      'test/**/*.test.ts',
      'bench/**/*.test.ts',
    ],
    // A single vitest run, without scripts/run.mjs, must not test an old page either.
    globalSetup: 'packages/status-page/scripts/page.ts',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
