import { fileURLToPath } from 'node:url'
import { build } from 'tsup'

/**
 * The modules that are measured, as JavaScript: Node's own stripping of types takes 28 MB of memory in every process that
 * imports TypeScript, which nobody has who has installed the packages. Our packages are bundled, as tsup bundles them for
 * publishing; what they depend on stays as it is installed, as far as it can be found from here.
 */
export async function bundle(): Promise<{ readonly proxy: URL; readonly classifier: URL }> {
  const directory = new URL('../dist/cost/', import.meta.url)
  await build({
    entry: ['proxy', 'classifier'].map((name) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url))),
    config: false,
    format: 'esm',
    target: 'node22',
    outDir: fileURLToPath(directory),
    external: FOUND_FROM_HERE,
    noExternal: [new RegExp(`^(?!(${FOUND_FROM_HERE.join('|')})$)`)],
    splitting: false,
    silent: true,
  })
  return { proxy: new URL('proxy.js', directory), classifier: new URL('classifier.js', directory) }
}

const FOUND_FROM_HERE = ['express', 'http-proxy-3', 'koa', 'undici']
