import { createHash } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const SOURCES = new URL('../page/', import.meta.url)
const GENERATED = new URL('../src/page.generated.ts', import.meta.url)

/**
 * Bundles the page into the module that the server imports. It bundles every time: that takes 0.1 s, and a marker of the
 * sources' state could be wrong.
 *
 * @param target The file. It is not touched when it is up to date.
 */
export async function writePage(target: URL = GENERATED): Promise<void> {
  const text = await pageModule()
  const current = await readFile(target, 'utf8').catch(() => undefined)
  if (current === text) return
  // Renamed into place: another process may be reading the old file.
  const draft = new URL(`${target.href}.${process.pid}`)
  await writeFile(draft, text)
  await rename(draft, target)
}

/** Vitest calls it before the tests (`globalSetup`). */
export function setup(): Promise<void> {
  return writePage()
}

/**
 * The text of a module with the page in it: one HTML document with its style and its script, and their hashes.
 *
 * It is a module and not an asset because an asset's path differs between the sources, the ESM build, the CommonJS build and
 * a gateway bundled into one file. An import works in all four.
 */
async function pageModule(): Promise<string> {
  const [script, style] = await Promise.all([bundle('main.ts'), bundle('style.css')])
  const template = await readFile(new URL('index.html', SOURCES), 'utf8')
  const html = template
    .split('\n')
    .map((line) => line.trim())
    .join('\n')
    .replace('/* style */', () => style)
    .replace('/* script */', () => script)
  const page = { html, scriptHash: hashOf(script), styleHash: hashOf(style) }
  return `// Generated from ../page; not in git.\nexport const PAGE = ${JSON.stringify(page, null, 2)} as const\n`
}

async function bundle(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(name, SOURCES))],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    ...(name === 'main.ts' ? { banner: { js: '/* With uPlot, (c) Leon Sorokin, MIT License */' } } : {}),
    // Keeps esbuild from reading tsconfig.json: the output must not depend on the directory of the checkout.
    tsconfigRaw: {},
  })
  return outputFiles[0]?.text.trim() ?? ''
}

/** The form that a content security policy uses to allow a script or style. */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
