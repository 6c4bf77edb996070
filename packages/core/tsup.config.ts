import { defineConfig, type Options } from 'tsup'
import { library } from '../../tsup.shared.ts'

/** Keeps an entry out of the bundles of the others. */
function external(name: string, sideEffects: boolean): NonNullable<Options['esbuildPlugins']>[number] {
  return {
    name,
    setup({ initialOptions: { format }, onResolve }) {
      onResolve({ filter: new RegExp(`/${name}\\.ts$`) }, ({ kind }) =>
        kind === 'entry-point'
          ? undefined
          : { path: `./${name}.${format === 'cjs' ? 'cjs' : 'js'}`, external: true, sideEffects },
      )
    },
  }
}

const entry = {
  index: 'src/index.ts',
  agreement: 'src/agreement/index.ts',
  logging: 'src/logging/index.ts',
  metrics: 'src/metrics/index.ts',
  parts: 'src/parts.ts',
  power: 'src/power/index.ts',
  split: 'src/split/index.ts',
  testing: 'src/testing/index.ts',
  tracing: 'src/tracing/index.ts',
  'warm-up': 'src/warm-up/index.ts',
}

export default defineConfig({
  ...library,
  entry: { ...entry, errors: 'src/errors.ts', 'node-version': 'src/node-version.ts' },
  dts: { entry },
  // For `import.meta.url` in CommonJS.
  shims: true,
  // In the bundle, node-version would be evaluated after the imports of other packages. With copies of the
  // parts or the errors, a class such as RouterError would exist twice.
  esbuildPlugins: [external('node-version', true), external('parts', false), external('errors', false)],
})
