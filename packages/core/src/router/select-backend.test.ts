import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { unclassified } from '../classify/classification.ts'
import type { Policy } from '../config/policy.ts'
import { NoBackendError } from '../errors.ts'
import { selectBackend } from './select-backend.ts'

const backends = { gpu: { url: 'http://gpu:3003' }, nas: { url: 'http://nas:3003', weight: 2 } }

const search = classified('text', 'clip/textual/ViT-B-32__openai')
const faces = classified(
  'image',
  'facial-recognition/detection/buffalo_l',
  'facial-recognition/recognition/buffalo_l',
)
const two = classified('image', 'clip/visual', 'ocr/detection', 'ocr/recognition')

describe('selectBackend', () => {
  const policy: Policy = {
    backends: {
      gpu: { ...backends.gpu, maxConcurrent: 'unlimited' },
      nas: { ...backends.nas, maxConcurrent: 'unlimited' },
    },
    routes: [
      { match: { input: 'text' }, backends: ['nas', 'gpu'], strategy: 'first' },
      { name: 'by code', match: ({ tasks }) => tasks.includes('ocr'), backends: ['gpu'] },
      { backends: ['gpu', 'nas'], strategy: 'round-robin' },
    ],
  }

  it('takes the first route that matches, and the last for what it does not know', async () => {
    const select = selectBackend(policy)
    const pick = async (...args: Parameters<typeof select>) => {
      const { route, backend } = await select(...args)
      return `${route} ${backend.name}`
    }
    expect(await pick(search)).toBe('text nas')
    expect(await pick(search, { exclude: ['nas'] })).toBe('text gpu')
    expect(await pick(two)).toBe('by code gpu')
    expect([await pick(faces), await pick(faces), await pick(faces)]).toEqual([
      'default gpu',
      'default nas',
      'default gpu',
    ])
    expect(await pick(unclassified('no-entries'))).toBe('default nas')
  })

  it('counts a lease once, however often it is released', async () => {
    const select = selectBackend(policy)
    const [first, second] = [await select(search), await select(search)]
    expect(first.backend.inFlight).toBe(2)
    first.release()
    first.release()
    expect(first.backend.inFlight).toBe(1)
    second.release()
    expect(select.lease('nas').backend.inFlight).toBe(1)
    expect(() => select.lease('mac')).toThrow('"mac" is not among the backends: gpu, nas.')
  })

  it('says when nothing is left, and stops when it is told to', async () => {
    const select = selectBackend(policy)
    const excluded = select(two, { exclude: ['gpu'] })
    await expect(excluded).rejects.toThrow(NoBackendError)
    await expect(excluded).rejects.toThrow('No backend of route "by code" is available: gpu is excluded.')
    await expect(select(two, { signal: AbortSignal.abort(new Error('left')) })).rejects.toThrow('left')
  })

  it('without routes, sends everything to the backends in their order', async () => {
    const select = selectBackend({ backends })
    expect((await select(search)).backend.name).toBe('gpu')
    expect((await select(search, { exclude: ['gpu'] })).backend.name).toBe('nas')
  })

  it('takes a strategy made in code', async () => {
    const select = selectBackend({
      backends,
      routes: [
        {
          backends: ['gpu', 'nas'],
          strategy: () => ({
            rank: (all) => all.toReversed().map(({ backend }) => ({ backend, score: 0, reason: () => '' })),
          }),
        },
      ],
    })
    expect((await select(search)).backend.name).toBe('nas')
  })

  it('keeps credentials to itself', async () => {
    const { backend } = selectBackend({ backends: { a: { url: 'http://me:p%40ss@host:3003/ml/' } } }).lease(
      'a',
    )
    const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`
    expect(backend.target.headers()).toEqual({ authorization })
    expect(backend.url).toBe('http://host:3003/ml')
    expect(JSON.stringify(backend)).not.toMatch(/p%40ss|p@ss|Basic/)
  })
})
