import GitHubSlugger from 'github-slugger'
import { defineConfig } from 'vitepress'
import { asOnGitHub } from './markdown.ts'
import { nav, sidebar } from './pages.ts'
import { BASE, REPOSITORY } from './repository.ts'

export default defineConfig({
  title: 'immich-ml-router',
  description: 'Routes the machine-learning jobs of Immich to the right server.',
  lang: 'en',
  base: BASE,
  head: [['link', { rel: 'icon', href: `${BASE}icon.svg` }]],
  cleanUrls: true,
  lastUpdated: true,
  rewrites: { 'decisions/README.md': 'decisions/index.md' },
  srcExclude: ['public/**'],
  markdown: {
    // The headings have the anchors of GitHub, so one link works in both places.
    anchor: { slugify: (text) => new GitHubSlugger().slug(text) },
    config: asOnGitHub,
  },
  themeConfig: {
    nav: nav(),
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
    editLink: { pattern: `${REPOSITORY}/edit/main/docs/:path`, text: 'Edit this page on GitHub' },
    footer: { message: 'MIT licence' },
  },
})
