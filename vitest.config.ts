import { configDefaults, defineConfig } from 'vitest/config'

/** These tests measure delays, or fill memory and disk. A file that runs beside them would count as well. */
const ALONE = ['attacks', 'held-memory', 'never-burn', 'restart'].map((name) => `test/${name}.test.ts`)
/** This one mocks a module that the file under test imports, so that file must not be loaded before it. */
const MOCKING = 'packages/core/src/body/disk-space.test.ts'

export default defineConfig({
  test: {
    // A single vitest run, without scripts/run.mjs, must not test an old page either.
    globalSetup: 'packages/status-page/scripts/page.ts',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Most tests wait for sockets and processes: one worker per processor keeps the processors busy.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: {
          name: 'core',
          include: ['packages/core/src/**/*.test.ts'],
          exclude: [...configDefaults.exclude, MOCKING],
          // Core has no state at module level, so its tests share the loaded modules. Loading them for each file takes as
          // long as the tests.
          isolate: false,
          restoreMocks: true,
        },
      },
      {
        extends: true,
        test: {
          name: 'all',
          include: [
            'packages/{express,koa,status-page}/{src,page}/**/*.test.ts',
            'examples/*/src/**/*.test.ts',
            'test/**/*.test.ts',
            'bench/**/*.test.ts',
            MOCKING,
          ],
          exclude: [...configDefaults.exclude, ...ALONE],
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
})
