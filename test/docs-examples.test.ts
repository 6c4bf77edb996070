import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NoBackendError, parseConfig, selectBackend } from '@immich-ml-router/core'
import type { Classified } from '@immich-ml-router/core/parts'
import { FakeClock } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { classified } from './support/classifications.ts'
import { ROOT } from './support/docs.ts'

/** The YAML examples of a page, each with the rows of the table after it. An example with a `${` needs its variables. */
function examplesIn(path: string): [name: string, policy: string, rows: string[][]][] {
  return readFileSync(join(ROOT, path), 'utf8')
    .split('<!-- example: ')
    .slice(1)
    .flatMap((section): [name: string, policy: string, rows: string[][]][] => {
      const [, name = '', language, block = ''] = /^([\w-]+) -->\n```(\w+)\n([\s\S]*?)```/.exec(section) ?? []
      const [, after = ''] = section.split('| request | goes to |\n')
      const [table = ''] = after.split('\n\n')
      const rows = [...table.matchAll(/^\| (`.*) \| (.*) \|$/gm)].map(([, request = '', to = '']) => [
        request,
        to,
      ])
      return language === 'yaml' && !block.includes('${') ? [[name, block, rows]] : []
    })
}

const examples = [
  'docs/configure.md',
  'docs/migrating.md',
  'docs/answers.md',
  'docs/agreement.md',
  'docs/search-cache.md',
  'docs/split-requests.md',
  'docs/warm-models.md',
].flatMap(examplesIn)

/** The job of words such as `clip/visual` of `ViT-B-32__openai`. */
function jobOf(words: string): Classified {
  const [job = '', model = 'any'] = [...words.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
  return classified(job.endsWith('/textual') ? 'text' : 'image', `${job}/${model}`)
}

describe.each(examples)('the example %s', (_, text, rows) => {
  it.runIf(rows.length > 0).each(rows)('sends %s to %s', async (request, to) => {
    const { backends, routes, timeouts } = parseConfig(parse(text))
    const select = selectBackend({ backends, routes, timeouts, health: false }, { clock: new FakeClock() })
    const exclude: string[] = []
    for (const step of to.split(', then ')) {
      for (const _ of step.split(' or ')) {
        const lease = await select(jobOf(request), { exclude })
        expect(step.split(' or ')).toContain(lease.backend.name)
        exclude.push(lease.backend.name)
        lease.release()
      }
    }
    await expect(select(jobOf(request), { exclude })).rejects.toThrow(NoBackendError)
  })

  it('parses', () => {
    expect(Object.keys(parseConfig(parse(text)).backends).length).toBeGreaterThan(0)
  })
})

it('has examples', () => {
  expect(examples.length).toBeGreaterThan(14)
  expect(examples.filter(([, , rows]) => rows.length > 0).length).toBeGreaterThan(8)
})
