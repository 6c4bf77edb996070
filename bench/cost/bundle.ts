import { fileURLToPath } from 'node:url'
import { build } from 'tsup'

/** Found from here; all other packages are bundled, as our packages are for publishing. */
const EXTERNAL = ['express', 'http-proxy-3', 'koa', 'undici']

/** The modules that are measured, as JavaScript: a process that strips types by itself takes 28 MB more. */
export async function bundle(): Promise<{ readonly proxy: URL; readonly classifier: URL }> {
  const directory = new URL('../dist/cost/', import.meta.url)
  await build({
    entry: ['proxy', 'classifier'].map((name) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url))),
    config: false,
    format: 'esm',
    target: 'node22',
    outDir: fileURLToPath(directory),
    external: EXTERNAL,
    noExternal: [new RegExp(`^(?!(${EXTERNAL.join('|')})$)`)],
    splitting: false,
    silent: true,
  })
  return { proxy: new URL('proxy.js', directory), classifier: new URL('classifier.js', directory) }
}
