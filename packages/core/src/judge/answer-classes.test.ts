import { expect, it } from 'vitest'
import { DEFAULT_CLASSES, resolveAnswerClasses } from './answer-classes.ts'

it('gives each listed status one class', () => {
  expect([...DEFAULT_CLASSES].sort(([a], [b]) => a - b)).toEqual([
    [400, 'job'],
    [413, 'job'],
    [415, 'job'],
    [422, 'job'],
    [429, 'busy'],
    [500, 'undecided'],
    [501, 'lacks'],
    [502, 'type'],
    [503, 'type'],
    [504, 'type'],
  ])
})

it('lets an option override the default of its statuses only', () => {
  const classes = resolveAnswerClasses({ backend: [500], busy: undefined })
  expect([classes.get(500), classes.get(429), classes.get(404)]).toEqual(['backend', 'busy', undefined])
})
