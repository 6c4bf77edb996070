import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { DIFFERENCES } from './differential/compare.ts'
import { MUTATIONS } from './differential/mutations.ts'
import { runDifferential } from './differential/run.ts'
import { itNeeds } from './support/tools.ts'

const BODIES = 20_000
/** A new run looks at other bodies; a failure names the seed of each. */
const SEED = Number(process.env['DIFFERENTIAL_SEED'] ?? Math.floor(Date.now() / 1000)) % 2_000_000_000

describe(`${BODIES} mutated bodies from seed ${SEED}`, () => {
  itNeeds('oracle')(
    'are read as FastAPI reads them, but for the differences that are documented',
    async () => {
      const { counts, wrong } = await runDifferential({ bodies: BODIES, seed: SEED })
      expect(wrong).toEqual([])
      // Otherwise the mutations have made the requests so bad that nothing is compared.
      expect(counts['same-job']).toBeGreaterThan(BODIES / 4)
      for (const kind of ['no-job', 'refused', ...differences] as const)
        expect(counts[kind], kind).toBeGreaterThan(0)
    },
    120_000,
  )

  it(`come from ${MUTATIONS.length} different mutations`, () => {
    expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length)
    expect(MUTATIONS.length).toBeGreaterThanOrEqual(300)
  })
})

const differences = Object.keys(DIFFERENCES) as (keyof typeof DIFFERENCES)[]

itNeeds('oracle')('npm run fuzz compares as many bodies as it is told', async () => {
  const main = join(import.meta.dirname, 'differential/main.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [main, '300', '1'])
  expect(stdout).toMatch(/^300 bodies from seed 1\n.*\n0 wrong\n$/s)
})

it('every difference has its row in docs/how-it-decides.md', async () => {
  const docs = await readFile(join(import.meta.dirname, '../docs/how-it-decides.md'), 'utf8')
  const section = docs.slice(docs.indexOf('### Differences from the ML server'))
  const rows = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name)
  expect(rows).toEqual(differences)
  for (const reason of Object.values(DIFFERENCES).flat()) expect(section).toContain(`\`${reason}\``)
})
