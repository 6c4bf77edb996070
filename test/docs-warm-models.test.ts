import { expect, it } from 'vitest'
import { exampleOf, sourceExampleOf } from './support/docs.ts'

it('docs/warm-models.md has the example of warmUp()', () => {
  expect(exampleOf('docs/warm-models.md', 'warm-up')).toBe(sourceExampleOf('warmUp'))
})
