import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { membersOf } from './json-members.ts'

const names = (text: string) => {
  const members = membersOf(Buffer.from(text))
  return members && [...members.byName.keys()]
}

describe('the members of a JSON object', () => {
  it('are the same as those of JSON.parse, and the object is complete', () => {
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

  it.each([
    '{"clip":[1}}',
    '{"clip":{"a":1]}',
    '{"clip":{,"error":2}}',
    '{"clip":{"a":1 "error":2}}',
    '{"clip":{"a" 1}}',
    '{"clip":[1,]}',
    '{"clip":[,1]}',
    '{"clip":[1 2]}',
    '{"clip":[1:2]}',
    '{"clip":truee}',
    '{"clip":nan}',
    '{"clip":"x","n":1.2.3}',
    '{"clip":-}',
    '{"clip":[01]}',
  ])('%s is no JSON', (text) => {
    expect(() => JSON.parse(text)).toThrow()
    expect(membersOf(Buffer.from(text))?.complete).not.toBe(true)
  })

  it('are complete only where JSON.parse agrees, for texts with changed brackets, commas and literals', () => {
    const changed = fc.tuple(
      fc.dictionary(fc.constantFrom('clip', 'ocr'), fc.jsonValue()),
      fc.nat(),
      fc.constantFrom(...'{}[],:0e-tn'),
    )
    fc.assert(
      fc.property(changed, ([object, where, byte]) => {
        const text = JSON.stringify(object)
        const at = where % text.length
        const mutated = text.slice(0, at) + byte + text.slice(at + 1)
        // The content of strings is not checked.
        if (mutated.includes('\\')) return
        if (membersOf(Buffer.from(mutated))?.complete === true)
          expect(() => JSON.parse(mutated)).not.toThrow()
      }),
      { numRuns: 2_000 },
    )
  })

  it('end with the object', () => {
    expect(membersOf(Buffer.from('{"a":1} {"b":2}'))?.complete).toBe(false)
    expect(names('{"a":1,"a":2}')).toEqual(['a'])
  })
})
