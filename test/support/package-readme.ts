import { readFileSync } from 'node:fs'
import { ROOT } from './docs.ts'

/** The packages whose README begins with an example called `package-<name>`. */
export const EXAMPLE_READMES = ['core', 'express', 'immich', 'koa', 'search-cache', 'status-page'] as const

/** All TypeScript blocks of a document, as one module. */
export function moduleOf(document: string): string {
  const text = readFileSync(new URL(document, `file://${ROOT}`), 'utf8')
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, block = '']) => block).join('\n')
}
