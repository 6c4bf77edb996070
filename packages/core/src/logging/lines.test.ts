import { describe, expect, it } from 'vitest'
import { type Fields, LOG_FIELDS, type Logger, write } from './lines.ts'

/** The fields that a logger gets. */
function written(fields: Fields): object | undefined {
  let line: object | undefined
  const take = (given: object) => {
    line = given
  }
  write({ debug: take, info: take, warn: take }, 'predict', fields)
  return line
}

describe('a line', () => {
  it('escapes control characters', () => {
    const named = 'a\u009b2J\r\nb\u007f'
    const shown = 'a\\x9b2J\\x0d\\x0ab\\x7f'
    const error = `answered 200 with ${named} instead of JSON`
    expect(written({ route: named, error })).toEqual({
      route: shown,
      error: `answered 200 with ${shown} instead of JSON`,
    })
  })

  it('shortens names to 256 characters and sentences to 2,048, at every depth', () => {
    const long = 'x'.repeat(100_000)
    const name = `${'x'.repeat(255)}…`
    const sentence = `${'x'.repeat(2_047)}…`
    expect(
      written({ route: long, endpoints: [long], error: long, attempts: [{ backend: long, outcome: long }] }),
    ).toEqual({
      route: name,
      endpoints: [name],
      error: sentence,
      attempts: [{ backend: name, outcome: sentence }],
    })
  })

  it('keeps other values as they are', () => {
    const fields = { status: null, bodySize: 3, hedged: true, steps: { total: 1.5 } }
    expect(written(fields)).toEqual(fields)
  })

  it('has the first level of its message unless another is given', () => {
    const levels: (keyof Logger)[] = []
    const logger: Logger = {
      debug: () => void levels.push('debug'),
      info: () => void levels.push('info'),
      warn: () => void levels.push('warn'),
    }
    write(logger, 'request dispatched', {})
    write(logger, 'request dispatched', {}, 'debug')
    expect(levels).toEqual(['info', 'debug'])
  })

  it("has none of the logger's own fields", () => {
    for (const own of ['time', 'level', 'pid', 'hostname', 'msg']) expect(LOG_FIELDS).not.toContain(own)
  })
})
