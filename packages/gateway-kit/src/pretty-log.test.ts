import { expect, it } from 'vitest'
import { logDestination, makeLogger } from './log.ts'

async function written(env: Record<string, string>, isTerminal: boolean): Promise<string[]> {
  const lines: string[] = []
  const output = { write: (line: string) => void lines.push(line) }
  const logger = makeLogger({}, await logDestination(env, output, isTerminal))
  logger.warn({ backend: 'gpu', reason: 'no answer', task: undefined }, 'backend down')
  logger.info(
    { status: 200, job: 'clip/textual', backend: 'nas', outcome: 'answered', steps: { total: 22.6 } },
    'predict',
  )
  logger.warn(
    {
      status: null,
      job: 'ocr',
      outcome: 'refused',
      waited: ['full'],
      attempts: [{}, {}],
      client: '10.0.0.9',
      error: 'queue full',
      steps: {},
    },
    'predict',
  )
  return lines
}

it('on a terminal, every event is one readable line with the local time', async () => {
  const lines = await written({ NO_COLOR: '1' }, true)
  expect(lines.map((line) => line.replace(/^\[\d\d:\d\d:\d\d\] /, 'TIME '))).toEqual([
    'TIME WARN: backend down backend=gpu reason="no answer"\n',
    'TIME INFO: clip/textual 200 by nas in 23 ms\n',
    'TIME WARN: ocr no answer after waiting (full) after 2 attempts [refused] for 10.0.0.9: queue full\n',
  ])
})

it('has colours on a terminal only', async () => {
  const escapeCharacter = String.fromCharCode(27)
  expect((await written({}, true)).join()).toContain(escapeCharacter)
  expect((await written({ LOG_FORMAT: 'pretty' }, false)).join()).not.toContain(escapeCharacter)
})

it('is JSON elsewhere, or on request', async () => {
  for (const [env, isTerminal] of [
    [{}, false],
    [{ LOG_FORMAT: 'json' }, true],
  ] as const)
    expect(JSON.parse((await written(env, isTerminal))[0] ?? '')).toMatchObject({ msg: 'backend down' })
})

it('refuses another format', async () => {
  await expect(logDestination({ LOG_FORMAT: 'xml' })).rejects.toThrow('LOG_FORMAT must be pretty or json')
})
