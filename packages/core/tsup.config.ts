import { defineConfig } from 'tsup'
import { library } from '../../tsup.shared.ts'

const entry = {
  index: 'src/index.ts',
  logging: 'src/logging/index.ts',
  metrics: 'src/metrics/index.ts',
  parts: 'src/parts.ts',
  tracing: 'src/tracing/index.ts',
}

export default defineConfig({
  ...library,
  entry: { ...entry, 'node-version': 'src/node-version.ts' },
  dts: { entry },
  esbuildPlugins: [
    {
      // In the bundle, it would be evaluated after the imports of other packages.
      name: 'node-version',
      setup({ initialOptions: { format }, onResolve }) {
        onResolve({ filter: /\/node-version\.ts$/ }, ({ kind }) =>
          kind === 'entry-point'
            ? undefined
            : {
                path: `./node-version.${format === 'cjs' ? 'cjs' : 'js'}`,
                external: true,
                sideEffects: true,
              },
        )
      },
    },
  ],
})
