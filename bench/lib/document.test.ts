import { expect, it } from 'vitest'
import { readSection, replaceSection } from './document.ts'

const text = 'head\n\n<!-- pool -->\nold\n<!-- /pool -->\n\ntail $&\n'

it('a section is replaced, however often, and nothing else', () => {
  const once = replaceSection(text, 'pool', 'new $& table\n')
  expect(once).toBe('head\n\n<!-- pool -->\nnew $& table\n<!-- /pool -->\n\ntail $&\n')
  expect(replaceSection(once, 'pool', 'old')).toBe(text)
  expect(readSection(once, 'pool')).toBe('new $& table')
})

it('a section that is not there is a mistake', () => {
  expect(() => replaceSection(text, 'cost', '')).toThrow('<!-- cost --> … <!-- /cost -->')
})
