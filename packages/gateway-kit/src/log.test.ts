import { describe, expect, it } from 'vitest'
import { makeLogger } from './log.ts'

function log(env: Record<string, string>, write: (logger: ReturnType<typeof makeLogger>) => void) {
  const lines: Record<string, unknown>[] = []
  write(makeLogger(env, { write: (line) => void lines.push(JSON.parse(line)) }))
  return lines
}

describe('LOG_LEVEL', () => {
  it.each([
    [{}, ['info', 'warn']],
    [{ LOG_LEVEL: '' }, ['info', 'warn']],
    [{ LOG_LEVEL: 'debug' }, ['debug', 'info', 'warn']],
    [{ LOG_LEVEL: 'warn' }, ['warn']],
    [{ LOG_LEVEL: 'silent' }, []],
  ])('%j', (env, messages) => {
    const lines = log(env, (logger) => {
      for (const level of ['debug', 'info', 'warn'] as const) logger[level](level)
    })
    expect(lines.map(({ msg }) => msg)).toEqual(messages)
  })

  it.each(['loud', 'INFO', 'constructor', '30'])('refuses %s', (level) => {
    expect(() => makeLogger({ LOG_LEVEL: level })).toThrow(
      `LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, not "${level}".`,
    )
  })
})

describe('LOG_REDACT', () => {
  it('hides the values of the named fields, nested ones included', () => {
    const fields = { client: '10.0.0.9', route: 'ocr', attempts: [{ backend: 'gpu', endpoint: '10.0.0.3' }] }
    const [line] = log({ LOG_REDACT: 'client, attempts[*].endpoint,' }, (logger) =>
      logger.info(fields, 'predict'),
    )
    expect(line).toMatchObject({
      client: '[Redacted]',
      route: 'ocr',
      attempts: [{ backend: 'gpu', endpoint: '[Redacted]' }],
    })
  })

  it.each([
    ['cleint', /names "cleint", but no log line has a field "cleint"; use one of client, request, /],
    ['client,*', /no log line has a field "\*"/],
    ['steps..total', /names "steps..total", which is not a path such as/],
    ['attempts[', /which is not a path/],
  ])('refuses %s', (paths, message) => {
    expect(() => makeLogger({ LOG_REDACT: paths })).toThrow(message)
  })
})
