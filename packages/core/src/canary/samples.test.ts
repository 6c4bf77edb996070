import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { CanarySamples, hasResult, LARGEST_SAMPLE } from './samples.ts'

const sample = (text: string) => ({ body: Buffer.from(text), contentType: 'multipart/form-data' })

describe('the samples of canaries', () => {
  it('keeps a copy of a request of each kind, for a minute', () => {
    const clock = new FakeClock()
    const samples = new CanarySamples(clock)
    const body = Buffer.from('first')
    samples.keep('a', { body, contentType: 'text/plain' })
    body.fill(0)
    expect([samples.get('a')?.body.toString(), samples.isDue('a'), samples.isDue('b')]).toEqual([
      'first',
      false,
      true,
    ])
    clock.advance(60_000)
    expect(samples.isDue('a')).toBe(true)
  })

  it('keeps 16 of up to 512 KiB, and drops the oldest', () => {
    const samples = new CanarySamples(new FakeClock())
    for (let i = 0; i < 17; i++) samples.keep(`kind ${i}`, sample('x'))
    expect([samples.get('kind 0'), samples.get('kind 1')?.body.length]).toEqual([undefined, 1])
    samples.keep('kind 1', sample('y'))
    samples.keep('new', sample('x'))
    expect([samples.get('kind 2'), samples.get('kind 1')?.body.toString()]).toEqual([undefined, 'y'])
    samples.keep('large', { ...sample(''), body: Buffer.alloc(LARGEST_SAMPLE + 1) })
    expect(samples.get('large')).toBeUndefined()
  })

  it('knows which entries some backend has answered well', () => {
    const samples = new CanarySamples(new FakeClock())
    const entries = [{ task: 'clip', type: 'visual', model: 'a', options: {} }]
    let digests = 0
    const digest = () => `digest ${++digests}`
    samples.answered(entries, digest)
    samples.answered(entries, digest)
    expect([samples.hasAnswered('digest 1'), samples.hasAnswered('digest 2'), digests]).toEqual([
      true,
      false,
      1,
    ])
  })
})

describe('an answer with a result', () => {
  it.each([
    [{ clip: '[0.1,0.2]' }, ['clip'], true],
    [{ clip: '[]' }, ['clip'], false],
    [{ 'facial-recognition': [] }, ['facial-recognition'], false],
    [{ 'facial-recognition': [{ score: 1 }] }, ['facial-recognition'], true],
    [{ ocr: { text: [], box: [] } }, ['ocr'], false],
    [{ ocr: { text: ['STOP'], box: [1] } }, ['ocr'], true],
    [{ clip: '[0.1,0.2]', ocr: { text: [] } }, ['clip', 'ocr'], false],
    [{ clip: null }, ['clip'], false],
    [{}, ['clip'], false],
    [[], [], false],
  ])('%j for %j: %j', (answer, tasks, expected) => {
    expect(hasResult(Buffer.from(JSON.stringify(answer)), tasks)).toBe(expected)
  })

  it('is JSON', () => {
    expect(hasResult(Buffer.from('<html>'), ['clip'])).toBe(false)
  })
})
