import { describe, expect, it } from 'vitest'
import { answered, answeredWith, failed, passedOver } from '../../../../test/support/outcomes.ts'
import type { Outcome } from '../backend/outcome.ts'
import { type Classification, unclassified } from '../classify/classification.ts'
import { BodyFailedError, BodyTooLargeError, ClientLeftError, HoldError, RouterError } from '../errors.ts'
import type { RequestEvent } from '../router/router.ts'
import { ModelNames, outcomeOf, type RequestOutcome, TaskNames, TenantNames } from './labels.ts'

const reached = { reachedBackend: true, reachedClient: true } as const
const unreached = { reachedBackend: true, reachedClient: false } as const
const error = new Error('reset')

function job(...models: [task: string, model: string][]): Classification {
  const entries = models.map(([task, model]) => ({ task, type: 'visual', model, options: {} }))
  return { classified: true, entries, tasks: [...new Set(models.map(([task]) => task))], input: 'image' }
}

describe('what became of a request', () => {
  it.each<[RequestOutcome, Outcome | undefined, Error | undefined]>([
    ['answered', answered, undefined],
    ['client_error', answeredWith(422), undefined],
    ['server_error', answeredWith(500), undefined],
    ['failed', passedOver(500), undefined],
    ['failed', failed('reset'), error],
    ['failed', undefined, new TypeError('a mistake')],
    ['failed', undefined, new RouterError('internal', '')],
    ['cut_off', { ...failed('reset'), reachedClient: true }, error],
    ['cut_off', { kind: 'body-failed', error, ...reached }, error],
    ['unavailable', failed('shutdown'), error],
    ['unavailable', undefined, new HoldError('hold-expired', '')],
    ['unavailable', passedOver(500), new HoldError('hold-expired', '')],
    ['refused', undefined, new BodyTooLargeError(1)],
    ['refused', { kind: 'body-failed', error, ...unreached }, new BodyTooLargeError(1)],
    ['refused', undefined, new RouterError('unsupported-transfer-coding', '')],
    ['client_left', undefined, new ClientLeftError()],
    ['client_left', { kind: 'client-left', ...reached }, undefined],
    ['client_left', undefined, new BodyFailedError(error)],
  ])('%s', (expected, outcome, failure) => {
    expect(outcomeOf({ outcome, error: failure } as RequestEvent)).toBe(expected)
  })

  it.each<[RequestOutcome, number | undefined, Error | undefined]>([
    ['split', 200, undefined],
    ['split', 422, undefined],
    ['split', 503, new HoldError('hold-expired', '')],
    ['client_left', undefined, new ClientLeftError()],
  ])('%s, of a request that is split and answered with %s', (expected, status, error) => {
    expect(outcomeOf({ outcome: undefined, parts: 2, status, error } as RequestEvent)).toBe(expected)
  })

  it.each<[RequestOutcome, number]>([
    ['answered', 200],
    ['refused', 403],
    ['failed', 500],
  ])('%s, when middleware answered with %i', (expected, status) => {
    expect(outcomeOf({ outcome: undefined, error: undefined, status } as RequestEvent)).toBe(expected)
  })
})

describe('the task of a request', () => {
  it('is a label value only if Immich has it or the policy names it', () => {
    const names = new TaskNames()
    expect(names.of(job(['ocr', 'm']))).toBe('ocr')
    expect(names.of(job(['colorize', 'm']))).toBe('other')
    names.configure(['colorize'])
    expect(names.of(job(['colorize', 'm']))).toBe('colorize')
    names.configure([])
    expect(names.of(job(['colorize', 'm']))).toBe('other')
    const invented = Array.from({ length: 1_000 }, (_, i) => names.of(job([`task ${i}`, 'm'])))
    expect(new Set(invented)).toEqual(new Set(['other']))
    expect(names.of(job(['clip', 'm'], ['ocr', 'm']))).toBe('several')
    expect([names.of(undefined), names.of(unclassified('no-entries'))]).toEqual(['unknown', 'unknown'])
  })
})

describe('a task and type of a backend', () => {
  it('have labels of their own when Immich has the type, and Immich or the policy the task', () => {
    const names = new TaskNames()
    names.configure(['colorize'])
    expect(names.partsOf('clip/visual')).toEqual({ task: 'clip', type: 'visual' })
    expect(names.partsOf('ocr/detection')).toEqual({ task: 'ocr', type: 'detection' })
    expect(names.partsOf('colorize/photo')).toEqual({ task: 'colorize', type: 'other' })
    expect(names.partsOf('invented/visual')).toEqual({ task: 'other', type: 'visual' })
    expect(names.partsOf('clip')).toEqual({ task: 'clip', type: 'other' })
    expect(names.partsOf('clip/a/b')).toEqual({ task: 'clip', type: 'other' })
  })
})

describe('the model of a request', () => {
  it('has a label of its own once a backend has answered for it', () => {
    const names = new ModelNames()
    expect(names.of(job(['clip', 'ViT-B-32__openai']), 'failed')).toBe('other')
    expect(names.of(job(['clip', 'ViT-B-32__openai']), 'answered')).toBe('ViT-B-32__openai')
    expect(names.of(job(['clip', 'ViT-B-32__openai']), 'failed')).toBe('ViT-B-32__openai')
    expect(names.of(job(['clip', 'a,outcome:b']), 'answered')).toBe('other')
    expect(names.of(job(['ocr', 'a'], ['ocr', 'a']), 'answered')).toBe('a')
    expect(names.of(job(['clip', 'a'], ['ocr', 'b']), 'answered')).toBe('several')
    expect(names.of(undefined, 'refused')).toBe('none')
  })

  it('is one of fifty at most', () => {
    const names = new ModelNames()
    const all = Array.from({ length: 1_000 }, (_, i) => names.of(job(['clip', `m${i}`]), 'answered'))
    expect(new Set(all).size).toBe(51)
    expect(names.of(job(['clip', 'm999']), 'answered')).toBe('other')
  })
})

describe('the tenant of a request', () => {
  it('is a label value for the first tenants for which a backend answered', () => {
    const names = new TenantNames()
    expect([names.of(undefined, 'answered'), names.of('family', 'refused')]).toEqual(['none', 'other'])
    expect([names.of('family', 'answered'), names.of('family', 'refused')]).toEqual(['family', 'family'])
    expect(names.of('a,b', 'answered')).toBe('other')
    const invented = Array.from({ length: 1_000 }, (_, i) => names.of(`tenant ${i}`, 'answered'))
    expect(new Set(invented).size).toBe(50)
  })
})
