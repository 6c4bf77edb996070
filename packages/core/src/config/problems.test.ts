import { describe, expect, it } from 'vitest'
import { ConfigError, formatPath, problem, renamed, suggest } from './problems.ts'

describe('suggest', () => {
  const known = ['url', 'weight', 'retries', 'backends', 'tasks', 'maxBodySize']
  it.each<[string, string | undefined]>([
    ['ulr', 'url'],
    ['URL', 'url'],
    ['wieght', 'weight'],
    ['retry', 'retries'],
    ['backend', 'backends'],
    ['maxbodysize', 'maxBodySize'],
    ['tls', undefined],
    ['nothing like it', undefined],
  ])('%s: %s', (written, word) => {
    expect(suggest(written, known)).toBe(word)
  })
})

it.each<[PropertyKey[], string]>([
  [[], ''],
  [['routes', 1, 'backends', 0], 'routes[1].backends[0]'],
  [['backends', 'n s', 'url'], 'backends["n s"].url'],
  [['$schema'], '$schema'],
])('a path of %j is %s', (path, text) => {
  expect(formatPath(path)).toBe(text)
})

it('an error lists its problems, with suggestions where there are some', () => {
  const problems = [problem('a.b', 'is missing'), problem('', 'is not an option', 'url')]
  const error = new ConfigError(problems)
  expect(error).toMatchObject({ name: 'ConfigError', problems })
  expect(error.message).toBe(
    'The configuration has 2 mistakes:\n  a.b is missing.\n  is not an option. Did you mean "url"?',
  )
})

it('an option with a new name is told by the end of its path', () => {
  expect(renamed('routes[0].whenUnavailable')).toBe('is now hold: write hold: 12h')
  expect(renamed('hold')).toBeUndefined()
})
