import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attemptRecord } from '../../../../test/support/attempt-record.ts'
import { passedOver } from '../../../../test/support/outcomes.ts'
import { defaults } from '../config/defaults.ts'
import { HoldError } from '../errors.ts'
import type { CandidateExplanation, RouteExplanation } from '../explain/explanation.ts'
import { type RequestSummary, routeHeader } from './route-header.ts'

function candidate(
  backend: string,
  verdict: CandidateExplanation['verdict'],
  words: string,
  endpoint?: string,
): CandidateExplanation {
  return { backend, endpoint, verdict, words, reason: { kind: 'usable' } }
}

function explained(...candidates: CandidateExplanation[]): RouteExplanation {
  const decision = { kind: 'forward', backend: 'gpu', endpoint: undefined, leastBad: false } as const
  return { route: 'search', strategy: 'first', priority: 0, candidates, decision }
}

const story: RequestSummary = {
  explained: explained(
    candidate('nas', 'passed-over', 'full (1 of 1 in flight)'),
    candidate('gpu', 'chosen', 'number 2 of the list', '10.0.0.1:80'),
  ),
  route: 'search',
  at: { name: 'gpu', url: 'http://gpu', endpoint: '10.0.0.1:80' },
  hedge: false,
  waited: { full: 0, unavailable: 0 },
  attempts: [],
  error: undefined,
}

describe('x-immich-ml-route', () => {
  it.each<[string, Partial<RequestSummary>, string]>([
    [
      'a plain decision',
      {},
      'search; gpu@10.0.0.1:80 chosen: number 2 of the list; nas passed-over: full (1 of 1 in flight)',
    ],
    [
      'one that took time, and another attempt',
      {
        explained: undefined,
        waited: { full: 120, unavailable: 7_200_000 },
        attempts: [attemptRecord(passedOver(503), { backend: 'mac', time: 3 })],
      },
      'search; queued 120 ms; held 2 h; mac answered 503 Service Unavailable in 3 ms; gpu chosen',
    ],
    [
      'a reason of several parts, as one item',
      { explained: undefined, attempts: [attemptRecord(passedOver(413), { backend: 'mac', time: 3 })] },
      'search; mac answered 413 Payload Too Large: the proxy limits the body size%3B raise the limit ' +
        '(nginx: client_max_body_size 0) in 3 ms; gpu chosen',
    ],
    [
      'what a backend has written, in ASCII',
      {
        explained: undefined,
        attempts: [
          attemptRecord(passedOver(200, 'x', { 'content-type': 'é\u20ac' }), { backend: 'mac', time: 3 }),
        ],
      },
      'search; mac answered 200 with %C3%A9%E2%82%AC instead of JSON: check backends.gpu.url in 3 ms; gpu chosen',
    ],
    [
      'a further copy',
      { explained: explained(candidate('nas', 'chosen', 'x')), hedge: true },
      'search; gpu@10.0.0.1:80 got a hedge; nas chosen: x',
    ],
    [
      'an error',
      {
        explained: explained(candidate('a', 'awaited', 'x')),
        at: undefined,
        error: new HoldError('hold-expired', 'late'),
      },
      'search; a awaited: x; 503 hold-expired',
    ],
    ['nothing', { explained: undefined, route: undefined, at: undefined }, 'none'],
  ])('tells of %s', (_, differences, header) => {
    expect(routeHeader({ ...story, ...differences })).toBe(header)
  })

  it('is one line of printable ASCII, no longer than it may be, whatever the names are', () => {
    const text = fc.string({ unit: 'binary', maxLength: 500 })
    fc.assert(
      fc.property(text, fc.array(fc.tuple(text, text), { maxLength: 60 }), (route, candidates) => {
        const attempts = candidates.map(([backend, type]) =>
          attemptRecord(passedOver(200, 'x', { 'content-type': type }), { backend, time: 3 }),
        )
        const header = routeHeader({
          ...story,
          route,
          attempts,
          explained: explained(...candidates.map(([name, words]) => candidate(name, 'awaited', words))),
        })
        expect(header).toMatch(/^[\x20-\x7e]*$/)
        expect(header.length).toBeLessThanOrEqual(defaults.routeHeaderSize)
      }),
    )
  })

  it('lets no name look like more than one item, and loses nothing of it', () => {
    const name = 'a; b\r\nx-evil: 1 50% ü'
    const header = routeHeader({ ...story, route: name, explained: undefined, at: undefined })
    expect(header).toBe('a%3B b%0D%0Ax-evil: 1 50%25 %C3%BC')
    expect(decodeURIComponent(header)).toBe(name)
  })

  it('shows the last of many attempts', () => {
    const attempts = Array.from({ length: 700 }, (_, time) =>
      attemptRecord(passedOver(503), { backend: 'mac', time }),
    )
    const header = routeHeader({ ...story, attempts, explained: undefined })
    expect(header.length).toBeLessThanOrEqual(defaults.routeHeaderSize)
    expect(header).toMatch(/^search; \d+ earlier attempts; mac .*in 699 ms; gpu chosen$/)
  })

  it('says how many candidates there was no room for, and always which one was chosen', () => {
    const others = Array.from({ length: 500 }, (_, i) =>
      candidate(`server-${i}`, 'passed-over', 'behind gpu'),
    )
    const chosen = candidate('gpu', 'chosen', 'x', '10.0.0.1:80')
    const header = routeHeader({ ...story, explained: explained(...others, chosen) })
    expect(header).toMatch(/^search; gpu@10.0.0.1:80 chosen: x; server-0 .*; \d+ more$/)
    const shown = header.split('; ').length - 3
    expect(header).toContain(`${500 - shown} more`)
  })
})
