import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NoBackendError, parseConfig, selectBackend } from '@immich-ml-router/core'
import type { Classified } from '@immich-ml-router/core/parts'
import { FakeClock } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { classified } from './support/classifications.ts'
import { ROOT } from './support/docs.ts'

/** The examples of docs/policies.md, each with the table behind it. */
const examples = readFileSync(join(ROOT, 'docs/policies.md'), 'utf8')
  .split('<!-- example: ')
  .slice(1)
  .flatMap((section): [name: string, policy: string, rows: string[][]][] => {
    const [, name = '', language, block = ''] = /^([\w-]+) -->\n```(\w+)\n([\s\S]*?)```/.exec(section) ?? []
    const rows = [...section.matchAll(/^\| (`.*) \| (.*) \|$/gm)].map(([, request = '', to = '']) => [
      request,
      to,
    ])
    return language === 'yaml' ? [[name, block, rows]] : []
  })

/** From words such as `clip/visual` of `ViT-B-32__openai`. */
function jobOf(words: string): Classified {
  const [job = '', model = 'any'] = [...words.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
  return classified(job.endsWith('/textual') ? 'text' : 'image', `${job}/${model}`)
}

describe.each(examples)('the policy %s', (_, text, rows) => {
  it.runIf(rows.length > 0).each(rows)('sends %s to %s', async (request, to) => {
    const select = selectBackend({ ...parseConfig(parse(text)), health: false }, { clock: new FakeClock() })
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

  it('is one that can be written', () => {
    expect(Object.keys(parseConfig(parse(text)).backends).length).toBeGreaterThan(0)
  })
})

it('has examples', () => {
  expect(examples.length).toBeGreaterThan(6)
})
