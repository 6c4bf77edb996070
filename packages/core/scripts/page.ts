import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const SOURCES = new URL('../page/', import.meta.url)

/** The module that the server gets the status page from: one document, with its style and its script in it. */
export async function pageModule(): Promise<string> {
  const [script, style] = [await bundled('main.ts'), await bundled('style.css')]
  const template = await readFile(new URL('index.html', SOURCES), 'utf8')
  const html = template
    .split('\n')
    .map((line) => line.trim())
    .join('\n')
    .replace('/* style */', () => style)
    .replace('/* script */', () => script)
  const page = { html, scriptHash: hashOf(script), styleHash: hashOf(style) }
  return `// Made by \`npm run docs\` of packages/core/page; do not edit.\nexport const PAGE = ${JSON.stringify(page, null, 2)} as const\n`
}

async function bundled(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(name, SOURCES))],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    // It needs none, and a path of this machine has no place in what is published.
    tsconfigRaw: {},
  })
  return outputFiles[0]?.text.trim() ?? ''
}

/** As a content security policy names what it lets run. */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
