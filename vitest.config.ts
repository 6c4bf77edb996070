import { configDefaults, defineConfig } from 'vitest/config'

/** These tests measure delays, fill memory and disk, or prove that no job is lost. A file that runs beside them would count as well. */
const ALONE = ['attacks', 'held-memory', 'never-burn', 'restart'].map((name) => `test/${name}.test.ts`)
/** One mocks a module and one counts every executed block: the files under test must not be loaded before them. */
const ISOLATED = ['body/disk-space', 'classify/cost'].map((name) => `packages/core/src/${name}.test.ts`)

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
          exclude: [...configDefaults.exclude, ...ISOLATED],
          // At module level, core has only memo tables and weak maps, so its tests share the loaded modules. Loading them for
          // each file takes as long as the tests.
          isolate: false,
          restoreMocks: true,
        },
      },
      {
        extends: true,
        test: {
          name: 'all',
          include: [
            'packages/{express,gateway,gateway-kit,immich,koa,search-cache,status-page}/{src,page}/**/*.test.ts',
            'examples/*/src/**/*.test.ts',
            'test/**/*.test.ts',
            'bench/**/*.test.ts',
            ...ISOLATED,
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
