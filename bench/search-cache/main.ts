import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONTENT_TYPE, immichBody } from '@immich-ml-router/core/testing'
import { AnswerFile } from '../../packages/search-cache/src/answer-file.ts'
import { searchKey } from '../../packages/search-cache/src/search-key.ts'

/** What a saved answer costs: `node bench/main.ts search-cache [answers]`. */
const ANSWERS = Number(process.argv[3] ?? 20_000)
const HITS = 20_000

const embedding = Array.from({ length: 512 }, () => Math.fround(Math.random() / 10))
const answer = Buffer.from(JSON.stringify({ clip: JSON.stringify(embedding) }))
const directory = mkdtempSync(join(tmpdir(), 'search-cache-bench-'))
const path = join(directory, 'searches.db')
const file = new AnswerFile(path, { maxEntries: ANSWERS, now: Date.now, onProblem: console.error })
const keyOf = (number: number) => {
  const key = searchKey(CONTENT_TYPE, immichBody('textSearch', `search ${number}`))
  if (key === undefined) throw new Error('a search has no key')
  return key
}

const saving = process.cpuUsage()
for (let number = 0; number < ANSWERS; number++) {
  file.set(keyOf(number), 'ViT-B-32__openai', answer)
  await new Promise((resolve) => setImmediate(resolve))
}
console.log(`to save an answer: ${cpuSince(saving, ANSWERS)} µs of CPU time`)

const bodies = Array.from({ length: HITS }, () =>
  immichBody('textSearch', `search ${Math.floor(Math.random() * ANSWERS)}`),
)
const finding = process.cpuUsage()
const times = bodies
  .map((body) => {
    const start = process.hrtime.bigint()
    const key = searchKey(CONTENT_TYPE, body)
    if (key === undefined || file.get(key) === undefined) throw new Error('a saved answer was not found')
    return Number(process.hrtime.bigint() - start) / 1_000
  })
  .sort((a, b) => a - b)
const median = times[HITS / 2]?.toFixed(1)
console.log(`to find an answer: median ${median} µs, ${cpuSince(finding, HITS)} µs of CPU time`)
file.close()
console.log(
  `${(statSync(path).size / ANSWERS / 1_000).toFixed(1)} KB on disk for an answer of ${answer.length} bytes`,
)
rmSync(directory, { recursive: true })

/** Microseconds for each of several operations since a time. */
function cpuSince(start: NodeJS.CpuUsage, operations: number): string {
  const { user, system } = process.cpuUsage(start)
  return ((user + system) / operations).toFixed(1)
}
