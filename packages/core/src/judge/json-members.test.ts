import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { membersOf } from './json-members.ts'

const names = (text: string) => {
  const members = membersOf(Buffer.from(text))
  return members && [...members.byName.keys()]
}

describe('the members of a JSON object', () => {
  it('are those that JSON.parse finds, and the object is complete', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom(0, 1, '\t'),
        (object, space) => {
          const text = JSON.stringify(object, undefined, space)
          const members = membersOf(Buffer.from(text))
          expect(members?.complete).toBe(true)
          expect([...(members?.byName.keys() ?? [])].sort()).toEqual(Object.keys(JSON.parse(text)).sort())
          for (const [name, { start, end }] of members?.byName ?? [])
            expect(JSON.parse(Buffer.from(text).toString('utf8', start, end))).toEqual(JSON.parse(text)[name])
        },
      ),
    )
  })

  it('are never complete when the text is cut, wherever that is', () => {
    const text = Buffer.from('{"clip":"[0.1,\\"2]","ocr":{"a":[1,{"b":"}"}]},"n":-1.5e3} ')
    for (let cut = 0; cut < text.length - 1; cut++)
      expect(membersOf(text.subarray(0, cut))?.complete, String(cut)).not.toBe(true)
    expect(membersOf(text)?.complete).toBe(true)
  })

  it.each(['', '[]', 'null', '{,}', '{"a"}', '{"a":}', '{"a":1 "b":2}', '<html>', '{a:1}'])(
    '%s has none',
    (text) => {
      expect(membersOf(Buffer.from(text))?.complete).not.toBe(true)
    },
  )

  it('end with the object', () => {
    expect(membersOf(Buffer.from('{"a":1} {"b":2}'))?.complete).toBe(false)
    expect(names('{"a":1,"a":2}')).toEqual(['a'])
  })
})
