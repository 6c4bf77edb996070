import { describe, expect, it } from 'vitest'
import { resolveAnswerClasses } from './answer-classes.ts'
import type { BackendAnswer } from './backend-answer.ts'
import { judge, probeProblem } from './judge.ts'
import { usefulness, type Verdict } from './verdict.ts'

const JSON_HEADERS = { 'content-type': 'application/json' }
const HTML_HEADERS = { 'content-type': 'text/html; charset=utf-8' }

const answer = (
  status: number,
  body = '',
  headers: BackendAnswer['headers'] = {},
  complete = true,
): BackendAnswer => ({ status, headers, body: Buffer.from(body), complete })

const asking = (...tasks: readonly string[]) => ({
  backend: 'gpu',
  tasks,
  names: () => tasks,
  written: () => '',
})

/** Such as `fault backend` or `lacks model`. */
function text(verdict: Verdict): string {
  if (verdict.kind === 'fault') return `fault ${verdict.scope}`
  if (verdict.kind === 'lacks') return `lacks ${verdict.what}`
  if (verdict.kind === 'undecided') return `undecided ${verdict.otherwise}`
  return verdict.kind
}

describe('a 2xx answer to a search', () => {
  it.each<[string, BackendAnswer, string]>([
    ["an embedding, as Immich's server writes it", answer(200, '{"clip":"[0.1,0.2]"}', JSON_HEADERS), 'good'],
    ['an embedding as an array', answer(200, '{"clip":[0.1,0.2]}', JSON_HEADERS), 'good'],
    ['an embedding without a content type', answer(200, ' {"clip":"[0.1]"}'), 'good'],
    [
      'an embedding in a vendor type',
      answer(200, '{"clip":"[1]"}', { 'content-type': 'application/x+json' }),
      'good',
    ],
    ['a login page', answer(200, '<!doctype html>', HTML_HEADERS), 'fault backend'],
    ['a login page that says it is JSON', answer(200, '<!doctype html>', JSON_HEADERS), 'fault backend'],
    ['nothing', answer(200, '', JSON_HEADERS), 'fault backend'],
    ['204', answer(204), 'fault backend'],
    ['an empty object', answer(200, '{}', JSON_HEADERS), 'fault type'],
    ['another task', answer(200, '{"ocr":{}}', JSON_HEADERS), 'fault type'],
    ['an error inside', answer(200, '{"clip":{"error":"missing image"}}', JSON_HEADERS), 'fault type'],
    ['null', answer(200, '{"clip":null}', JSON_HEADERS), 'fault type'],
    ['an empty text', answer(200, '{"clip":""}', JSON_HEADERS), 'fault type'],
    ['JSON that ends early', answer(200, '{"clip":"[0.1', JSON_HEADERS), 'fault backend'],
    ['the beginning of a large answer', answer(200, '{"clip":"[0.1', JSON_HEADERS, false), 'good'],
    ['the beginning of a page', answer(200, '<html', HTML_HEADERS, false), 'fault backend'],
    ['a list', answer(200, '[]', JSON_HEADERS), 'fault backend'],
  ])('%s', (_, given, verdict) => {
    expect(text(judge(given, asking('clip')))).toBe(verdict)
  })

  it('has a value for every task that was asked for', () => {
    const both = '{"clip":"[1]","facial-recognition":[]}'
    expect(text(judge(answer(200, both, JSON_HEADERS), asking('clip', 'facial-recognition')))).toBe('good')
    expect(text(judge(answer(200, '{"clip":"[1]"}', JSON_HEADERS), asking('clip', 'ocr')))).toBe('fault type')
  })

  it('of a task that Immich does not have is an object without an error', () => {
    const nsfw = (body: string) => text(judge(answer(200, body, JSON_HEADERS), asking('nsfw-detection')))
    expect([nsfw('{"score":0.9}'), nsfw('{}'), nsfw('{"error":"no"}')]).toEqual([
      'good',
      'fault type',
      'fault type',
    ])
  })

  it('of a request that is not classified is judged by its type alone', () => {
    expect(text(judge(answer(200, '{}', JSON_HEADERS), asking()))).toBe('good')
    expect(text(judge(answer(200, '<html>', HTML_HEADERS), asking()))).toBe('fault backend')
  })
})

describe('an answer that is no success', () => {
  const detail = (text: string) => JSON.stringify({ detail: text })

  it.each<[number, string, string]>([
    [301, '', 'fault backend'],
    [302, '', 'fault backend'],
    [401, '', 'fault backend'],
    [403, '', 'fault backend'],
    [404, detail('Not Found'), 'fault backend'],
    [405, '', 'fault backend'],
    [407, '', 'fault backend'],
    [409, '', 'fault backend'],
    [418, '', 'fault backend'],
    [421, '', 'fault backend'],
    [505, '', 'fault backend'],
    [530, '<html>', 'fault backend'],
    [500, 'Internal Server Error', 'undecided fault'],
    [502, '', 'fault type'],
    [503, '', 'fault type'],
    [504, '', 'fault type'],
    [400, detail('Either image or text must be provided'), 'undecided lacks'],
    [413, detail('too large'), 'undecided lacks'],
    [415, detail('no'), 'undecided lacks'],
    [422, detail('Invalid request format.'), 'undecided lacks'],
    [400, '<html>', 'fault backend'],
    [415, '', 'fault backend'],
    [422, '{"message":"no"}', 'fault backend'],
    [413, '<html>', 'too-large'],
    [501, '', 'lacks type'],
    [400, detail('unknown task'), 'lacks type'],
    [404, detail('model not found'), 'lacks model'],
    [422, '{"error":"task ocr not implemented"}', 'lacks type'],
    [429, '', 'busy'],
  ])('%i %s: %s', (status, body, verdict) => {
    expect(text(judge(answer(status, body), asking('ocr')))).toBe(verdict)
  })

  it('names the fix', () => {
    const reason = (status: number, body = '', headers: BackendAnswer['headers'] = {}) => {
      const verdict = judge(answer(status, body, headers), asking('clip'))
      return 'reason' in verdict ? verdict.reason : verdict.kind
    }
    expect(reason(401)).toBe('answered 401 Unauthorized: set backends.gpu.auth')
    expect(reason(404)).toContain('without /predict')
    expect(reason(302, '', { location: 'https://login.example/auth?next=/predict' })).toContain(
      'answered 302 to https://login.example: a login page',
    )
    expect(reason(200, '<html>', HTML_HEADERS)).toContain('answered 200 with a page instead of JSON')
    expect(reason(530)).toContain('tunnel')
    expect(reason(413)).toContain('client_max_body_size')
  })

  it('with Retry-After is busy', () => {
    expect(judge(answer(503, '', { 'retry-after': '30' }), asking('clip'))).toMatchObject({
      kind: 'busy',
      retryAfter: 30_000,
    })
  })

  it('means what the options say', () => {
    const classes = resolveAnswerClasses({ busy: [529, 409], job: [404] })
    expect(judge(answer(529), asking('clip'), classes).kind).toBe('busy')
    expect(judge(answer(409), asking('clip'), classes).kind).toBe('busy')
    expect(judge(answer(404, detail('gone')), asking('clip'), classes).kind).toBe('undecided')
    expect(judge(answer(429), asking('clip'), classes).kind).toBe('busy')
  })
})

describe('the answer to a health check', () => {
  it.each<[BackendAnswer, boolean]>([
    [answer(200, 'pong', { 'content-type': 'text/plain' }), true],
    [answer(204), true],
    [answer(200, '{"status":"ok"}', JSON_HEADERS), true],
    [answer(200, '<html>', HTML_HEADERS), false],
    [answer(200, ' <!doctype html>'), false],
    [answer(302), false],
    [answer(401), false],
    [answer(530), false],
  ])('%j is healthy: %s', (given, isHealthy) => {
    expect(probeProblem(given, 'gpu') === undefined).toBe(isHealthy)
  })
})

it("an ML server's own refusal is more useful than a proxy's", () => {
  const verdicts = [answer(422, '{"detail":"no"}'), answer(501), answer(500), answer(429), answer(401)].map(
    (given) => usefulness(judge(given, asking('clip'))),
  )
  expect(verdicts).toEqual([...verdicts].sort((a, b) => b - a))
  expect(new Set(verdicts).size).toBe(verdicts.length)
})
