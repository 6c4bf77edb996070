import type { Options } from 'tsup'

/** One build for all packages: ESM and CommonJS, each with its own declarations. */
export const library: Options = {
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  target: 'node22',
  dts: true,
  clean: true,
  sourcemap: false,
  splitting: false,
  outExtension: ({ format }) =>
    format === 'cjs' ? { js: '.cjs', dts: '.d.cts' } : { js: '.js', dts: '.d.ts' },
}
