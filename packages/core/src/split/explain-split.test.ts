import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { unclassified } from '../classify/classification.ts'
import { explanationText } from '../explain/explanation-text.ts'
import { selectBackend } from '../router/select-backend.ts'
import { explainSplit } from './explain-split.ts'

const both = classified('image', 'clip/visual', 'ocr/detection', 'ocr/recognition')
const url = 'http://gpu:3003'
const backends = { gpu: { url, tasks: ['clip'] }, nas: { url, tasks: ['ocr'] } }

function decide(
  policy: Parameters<typeof selectBackend>[0],
  request: Parameters<typeof explainSplit>[1] = both,
  exclude: string[] = [],
) {
  return explainSplit(selectBackend(policy), request, { exclude }).decision
}

describe('a request', () => {
  it('is split where no candidate serves all of its tasks, and each task has one', () => {
    expect(decide({ backends })).toMatchObject({
      kind: 'split',
      parts: [
        { task: 'clip', route: 'default', decision: { kind: 'forward', backend: 'gpu' } },
        { task: 'ocr', route: 'default', decision: { kind: 'forward', backend: 'nas' } },
      ],
    })
    const text = explanationText(explainSplit(selectBackend({ backends }), both))
    expect(text).toContain('gpu: passed over, does not serve clip and ocr by its settings\n')
    expect(text).toContain(
      'The request is split: clip (route "default") goes to gpu now; ocr (route "default") goes to nas now.\n',
    )
  })

  it('is split where the route of all tasks has other backends than those of each', () => {
    const routes = [
      { match: { task: 'clip' }, backends: ['gpu'] },
      { match: { task: 'ocr' }, backends: ['nas'] },
      { name: 'rest', backends: ['gpu'] },
    ]
    expect(decide({ backends, routes })).toMatchObject({
      kind: 'split',
      parts: [{ decision: { backend: 'gpu' } }, { decision: { backend: 'nas' } }],
    })
  })

  it.each<[string, ReturnType<typeof decide>['kind'], ReturnType<typeof decide>]>([
    ['a backend serves all', 'forward', decide({ backends: { ...backends, all: { url } } })],
    [
      'a task has no backend',
      'reject',
      decide({ backends: { gpu: backends.gpu, nas: { url, tasks: ['faces'] } } }),
    ],
    [
      'it has one task',
      'reject',
      decide({ backends: { gpu: backends.gpu } }, classified('image', 'ocr/detection')),
    ],
    ['it is unclassified', 'reject', decide({ backends }, unclassified('not-multipart'))],
    [
      'the backend that serves all is excluded',
      'reject',
      decide({ backends: { ...backends, all: { url } } }, both, ['all']),
    ],
    ['the only backend of a task is excluded', 'reject', decide({ backends }, both, ['nas'])],
  ])('is not split where %s', (_, kind, decision) => {
    expect(decision.kind).toBe(kind)
  })
})
