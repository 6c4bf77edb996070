import { expect, it } from 'vitest'
import { optionKind } from './option-path.ts'

it.each<[PropertyKey[], string]>([
  [['backends', 'gpu', 'url'], 'plain'],
  [['backends', 'auth', 'url'], 'plain'],
  [['backends', 'gpu', 'tasks', 0], 'plain'],
  [['routes', 0, 'match', 'task'], 'plain'],
  [['routes', 0, 'match', 'task', 1], 'plain'],
  [['routes', 0, 'hold', 'bulk'], 'plain'],
  [['hold'], 'plain'],
  [['backends', 'gpu', 'auth', 'bearer'], 'secret'],
  [['backends', 'gpu', 'auth', 'basic', 'password'], 'secret'],
  [['backends', 'gpu', 'headers', 'x-key'], 'secret'],
  [['backends', 'gpu', 'tls', 'ca', 0], 'secret'],
  [['backends', 'gpu', 'tls', 'insecure'], 'plain'],
  [['backends', 'gpu', 'pasword'], 'unknown'],
  [['backends', 'gpu', 'autth', 'bearer'], 'unknown'],
  [['backends', 'gpu', 'url', 'x'], 'unknown'],
  [['immich', 'url'], 'plain'],
  [['immich', 'apiKey'], 'secret'],
  [['token'], 'unknown'],
  [['constructor'], 'unknown'],
])('%j: %s', (path, kind) => {
  expect(optionKind(path)).toBe(kind)
})
