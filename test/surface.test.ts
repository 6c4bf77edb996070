import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { sourceExampleOf } from './support/docs.ts'

const index = readFileSync(new URL('../packages/core/src/index.ts', import.meta.url), 'utf8')

/** The names in an export statement of core's index. */
function exported(keyword: 'export' | 'export type'): string[] {
  const [, names = ''] = new RegExp(`^${keyword} \\{([^}]*)\\}`, 'm').exec(index) ?? []
  return names.split(',').flatMap((name) => name.trim() || [])
}

// The public API of @immich-ml-router/core. A change of this snapshot is reviewed like code.
it('core exports at most 20 values and 50 types', async () => {
  const [values, types] = [exported('export'), exported('export type')]
  expect(values.length).toBeLessThanOrEqual(20)
  expect(types.length).toBeLessThanOrEqual(50)
  const lines = [...values.map((name) => `value ${name}`), ...types.map((name) => `type ${name}`)]
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('surface.txt')
})

it('every value has an example', () => {
  for (const name of exported('export')) expect(sourceExampleOf(name)).toContain('@immich-ml-router/core')
})
