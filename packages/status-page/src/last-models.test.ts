import { expect, it } from 'vitest'
import { jobView } from './job-view.ts'
import { LastModels } from './last-models.ts'
import { classificationOf } from './request-event.fixture.ts'

const jobOf = (...models: string[]) =>
  jobView(classificationOf(...models.map((model): [string, string, string] => ['ocr', 'detection', model])))

it('has the last five models of a backend, the last one first', () => {
  const models = new LastModels()
  models.add('gpu', jobOf('a', 'b'))
  models.add('gpu', jobOf('a'))
  models.add('nas', jobOf('z'))
  expect([models.of('gpu'), models.of('nas'), models.of('other')]).toEqual([['a', 'b'], ['z'], []])
  for (const model of ['c', 'd', 'e', 'f']) models.add('gpu', jobOf(model))
  expect(models.of('gpu')).toEqual(['f', 'e', 'd', 'c', 'a'])
  models.keepOnly(new Set(['nas']))
  expect([models.of('gpu'), models.of('nas')]).toEqual([[], ['z']])
})
