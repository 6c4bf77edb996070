import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it, onTestFinished } from 'vitest'
import { AnswerFile } from '../packages/search-cache/src/answer-file.ts'
import { ROOT } from './support/docs.ts'
import { temporaryDirectory } from './support/temporary-file.ts'
import { itNeeds } from './support/tools.ts'

const WRITER = join(ROOT, 'test/support/answer-writer.ts')

/** Runs a writer, and calls back with each line of its output. */
function write(path: string, first: number, onLine: (line: string) => void, shell = '') {
  const [program, args] =
    shell === ''
      ? [process.execPath, [WRITER, path, String(first)]]
      : ['sh', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, WRITER, path, String(first)]]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  createInterface(child.stdout).on('line', onLine)
  return child
}

function open(path: string) {
  const problems: (string | undefined)[] = []
  const file = new AnswerFile(path, {
    maxEntries: 1_000_000,
    now: Date.now,
    onProblem: (problem) => problems.push(problem),
  })
  return { file, problems }
}

it('loses at most the last answer when it is killed in the middle of writes', async () => {
  const path = join(await temporaryDirectory(), 'searches.db')
  let written = -1
  for (const more of [1, 40, 400, 900]) {
    const target = written + more
    const child = write(path, written + 1, (line) => {
      written = Number(line)
      if (written >= target) child.kill('SIGKILL')
    })
    await once(child, 'close')
    const { file, problems } = open(path)
    for (let number = 0; number < written; number++) {
      const found = file.get(Buffer.from(`key ${number}`))?.body
      expect(found?.equals(Buffer.alloc(12_000, String(number % 10))), `answer ${number} of ${written}`).toBe(
        true,
      )
    }
    file.close()
    expect(problems).toEqual([])
  }
}, 60_000)

itNeeds('shell')(
  'goes on without writes when the disk is full',
  async () => {
    const path = join(await temporaryDirectory(), 'searches.db')
    const problems: string[] = []
    // Blocks of 512 bytes or 1 KiB: room for a few answers.
    const child = write(
      path,
      0,
      (line) => {
        if (line.startsWith('problem')) problems.push(line)
        if (problems.length > 0 && Number(line) > 1_000) child.kill('SIGKILL')
      },
      'ulimit -f 400',
    )
    await once(child, 'close')
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.every((line) => line.includes(path))).toBe(true)
    const { file, problems: later } = open(path)
    expect(file.get(Buffer.from('key 0'))?.body.length).toBe(12_000)
    file.set(Buffer.from('key 2000'), 'model', Buffer.from('{}'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(file.get(Buffer.from('key 2000'))?.body.toString()).toBe('{}')
    file.close()
    expect(later).toEqual([])
  },
  60_000,
)
