import { existsSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { renderMermaidSVG } from 'beautiful-mermaid'
import type { MarkdownRenderer } from 'vitepress'
import { REPOSITORY } from './repository.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Makes the pages work on the site as they do on GitHub: the same links, the same diagrams. */
export function asOnGitHub(md: MarkdownRenderer): void {
  linkToRepository(md)
  findImages(md)
  drawDiagrams(md)
}

/** A link to a file outside `docs` leads to the repository, and a link to a `README.md` to the index of its folder. */
function linkToRepository(md: MarkdownRenderer): void {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    const folder = posix.dirname(posix.join('docs', env.relativePath))
    for (const link of tokens
      .flatMap(({ children }) => children ?? [])
      .filter(({ type }) => type === 'link_open')) {
      const href = link.attrGet('href')
      if (href !== null && !/^[a-z]+:|^[#/]/.test(href)) link.attrSet('href', target(href, folder))
    }
  })
}

function target(href: string, folder: string): string {
  const [path = '', anchor] = href.split('#')
  const file = posix.join(folder, path)
  const suffix = anchor === undefined ? '' : `#${anchor}`
  if (file.startsWith('docs/')) return `${path.replace(/(^|\/)README\.md$/, '$1index.md')}${suffix}`
  const kind = existsSync(root + file) && statSync(root + file).isDirectory() ? 'tree' : 'blob'
  return `${REPOSITORY}/${kind}/main/${file}${suffix}`
}

/** Vite takes the path of an `<img>` for the name of a package unless it starts with a dot. Markdown images have theirs. */
function findImages(md: MarkdownRenderer): void {
  md.core.ruler.push('html-images', ({ tokens }) => {
    for (const token of tokens.flatMap((parent) => [parent, ...(parent.children ?? [])]))
      if (token.type.startsWith('html_'))
        token.content = token.content.replaceAll(/ src="(?=[\w-]+\/)/g, ' src="./')
  })
}

/** Draws ```mermaid blocks when the site is built, so a page loads no code and nothing from other hosts for them. */
function drawDiagrams(md: MarkdownRenderer): void {
  const { fence } = md.renderer.rules
  if (fence === undefined) throw new Error('VitePress has no renderer for code blocks; check its version.')
  md.renderer.rules.fence = (tokens, index, options, env, self) => {
    const token = tokens[index]
    if (token?.info.trim() !== 'mermaid') return fence(tokens, index, options, env, self)
    // Vue allows no <style> in a page; theme/style.css has these rules. The drawing's own would load a font from outside.
    const svg = renderMermaidSVG(token.content, { padding: 8 })
    return `<div class="diagram" v-pre>${svg.replaceAll(/<style>[\s\S]*?<\/style>/g, '').replace(/ style="[^"]*"/, '')}</div>\n`
  }
}
