import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DefaultTheme } from 'vitepress'
import { REPOSITORY } from './repository.ts'

const docs = fileURLToPath(new URL('..', import.meta.url))

/** A title in the sidebar and the name of its file in `docs`, without `.md`. */
type Page = readonly [title: string, name: string]

const GROUPS: readonly (readonly [title: string, pages: readonly Page[]])[] = [
  [
    'Start',
    [
      ['Install', 'install'],
      ['Configure by example', 'configure'],
      ['Migrate', 'migrating'],
    ],
  ],
  [
    'How it decides',
    [
      ['How it decides', 'how-it-decides'],
      ['Responses and retries', 'answers'],
      ['Hold and heartbeats', 'holding'],
      ['Warm models', 'warm-models'],
      ['Cloud GPUs', 'cloud-gpus'],
      ['Search cache', 'search-cache'],
      ["Immich's queues", 'immich-queues'],
      ['Backends that disagree', 'agreement'],
      ['Several tasks in one request', 'split-requests'],
      ['Complaints', 'complaints'],
    ],
  ],
  [
    'Operate',
    [
      ['Commands', 'commands'],
      ['Operating', 'operating'],
      ['Status page', 'status-page'],
      ['Dashboards and monitors', 'integrations'],
      ['Metrics', 'metrics'],
      ['Logs', 'logs'],
      ['Troubleshooting', 'troubleshooting'],
      ['Security', 'security'],
    ],
  ],
  [
    'Build on it',
    [
      ['Library', 'library'],
      ['Reference', 'reference'],
    ],
  ],
  [
    'Background',
    [
      ['Architecture', 'architecture'],
      ['Dependencies', 'dependencies'],
      ['Roadmap', 'roadmap'],
    ],
  ],
]

/** TypeDoc writes these pages, so the browser has to load them without VitePress's router. */
const API = { text: 'API', link: '/api/index.html', target: '_self' } as const

/** The top bar: one link for each thing that a visitor comes for. */
export function nav(): DefaultTheme.NavItem[] {
  return [
    ...items([
      ['Install', 'install'],
      ['Configure', 'configure'],
      ['Troubleshooting', 'troubleshooting'],
      ['Reference', 'reference'],
    ]),
    API,
    { text: 'GitHub', link: REPOSITORY },
  ]
}

/** Every page of `docs` in groups. The pages of the last two groups are listed by their headings. */
export function sidebar(): DefaultTheme.SidebarItem[] {
  const groups = GROUPS.map(([text, pages]) => ({
    text,
    items: text === 'Build on it' ? [...items(pages), API] : items(pages),
  }))
  return [
    ...groups,
    { text: 'Benchmarks', collapsed: true, items: folder('benchmarks', ['Summary', 'benchmarks']) },
    { text: 'Decisions', collapsed: true, items: folder('decisions', ['All decisions', 'decisions/']) },
  ]
}

function items(pages: readonly Page[]): DefaultTheme.NavItemWithLink[] {
  return pages.filter(([, name]) => existsSync(`${docs}/${name}.md`)).map(item)
}

function item([text, name]: Page): DefaultTheme.NavItemWithLink {
  return { text, link: `/${name}` }
}

/** An overview, and the pages of a folder by their headings. */
function folder(path: string, overview: Page): DefaultTheme.NavItemWithLink[] {
  const names = readdirSync(`${docs}/${path}`).filter((name) => name.endsWith('.md') && name !== 'README.md')
  const pages = names.sort().map((name): Page => {
    const [, title = name] = /^# (.+)$/m.exec(readFileSync(`${docs}/${path}/${name}`, 'utf8')) ?? []
    return [title, `${path}/${name.replace('.md', '')}`]
  })
  return [overview, ...pages].map(item)
}
