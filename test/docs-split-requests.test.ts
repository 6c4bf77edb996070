import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRouter, explanationText } from '@immich-ml-router/core'
import { splitRequests } from '@immich-ml-router/core/split'
import { expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { classified } from './support/classifications.ts'
import { exampleOf, ROOT, sourceExampleOf } from './support/docs.ts'

it('docs/split-requests.md has the example of splitRequests()', () => {
  expect(exampleOf('docs/split-requests.md', 'split')).toBe(sourceExampleOf('splitRequests'))
})

it('docs/split-requests.md has the words of explain', () => {
  const router = createRouter(parse(exampleOf('docs/split-requests.md', 'split-requests')))
  onTestFinished(() => router.close())
  splitRequests(router)
  const request = classified('image', 'clip/visual/a', 'facial-recognition/detection/b')
  const [last] = explanationText(router.explain(request)).trimEnd().split('\n').slice(-1)
  expect(readFileSync(join(ROOT, 'docs/split-requests.md'), 'utf8')).toContain(`\n${last}\n`)
})
