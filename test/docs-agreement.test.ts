import { expect, it } from 'vitest'
import { exampleOf, sourceExampleOf } from './support/docs.ts'

it('docs/agreement.md has the example of watchAgreement()', () => {
  expect(exampleOf('docs/agreement.md', 'watch-agreement')).toBe(sourceExampleOf('watchAgreement'))
})
