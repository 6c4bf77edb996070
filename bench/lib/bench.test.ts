import { expect, it } from 'vitest'
import { names, number, parse, toJson, wholeNumbers } from './bench.ts'

const options = {
  rows: names([{ name: '401' }, { name: '404' }, { name: 'login' }]),
  seconds: number('', '20', '5'),
  'in-flight': wholeNumbers('', '8,16', '16'),
}

it('an option has its own default in a quick run, unless it is given', () => {
  expect(parse(options, [])).toMatchObject({
    rows: [{}, {}, {}],
    seconds: 20,
    'in-flight': [8, 16],
    save: false,
  })
  expect(parse(options, ['--quick', '--seconds', '1'])).toMatchObject({ seconds: 1, 'in-flight': [16] })
})

it('names are chosen by their beginnings, in their own order', () => {
  expect(parse(options, ['--rows', 'login,40']).rows.map(({ name }) => name)).toEqual(['401', '404', 'login'])
})

it('the JSON has a line for each entry, and reads back', () => {
  const results = { machine: { cores: 2 }, cells: [{ share: 0.5 }, { share: 1 }], imports: [] }
  expect(toJson(results).match(/\n {4}\{/g)).toHaveLength(2)
  expect(JSON.parse(toJson(results))).toEqual(results)
})
