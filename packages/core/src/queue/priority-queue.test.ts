import { describe, expect, it } from 'vitest'
import { constants } from '../config/constants.ts'
import { PriorityQueue, type Rank } from './priority-queue.ts'

/** The arrivals in the order in which they are served, one after the other. */
function order(ranks: readonly Partial<Rank>[]): number[] {
  const queue = new PriorityQueue<Rank>()
  for (const [arrival, rank] of ranks.entries())
    queue.add({ arrival, since: arrival, headStart: 0, tenant: 'immich', group: String(arrival), ...rank })
  const served: number[] = []
  while (queue.length > 0) {
    const [head] = queue.heads(new Map())
    if (head === undefined) throw new Error('a queue with requests has a head')
    queue.remove(head)
    queue.served(head)
    served.push(head.arrival)
  }
  return served
}

const bulk = (since: number, tenant = 'immich') => ({ since, tenant, headStart: 0 })
const urgent = (since: number, tenant = 'immich') => ({ since, tenant, headStart: 300 })

describe('a priority queue', () => {
  it('serves equals in the order of arrival', () => {
    expect(order([bulk(0), bulk(0), bulk(10), bulk(20)])).toEqual([0, 1, 2, 3])
  })

  it('serves requests with a head start first, but not before one that has waited longer than that', () => {
    expect(order([bulk(0), bulk(200), bulk(390), urgent(400), urgent(700)])).toEqual([0, 3, 1, 2, 4])
    expect(order([bulk(0), bulk(100), urgent(101), urgent(399), urgent(402)])).toEqual([2, 0, 3, 1, 4])
  })

  it('lets tenants take turns', () => {
    const importer = Array.from({ length: 4 }, () => bulk(0, 'importer'))
    expect(order([...importer, bulk(5, 'phone'), bulk(6, 'phone'), bulk(7, 'tv')])).toEqual([
      0, 4, 6, 1, 5, 2, 3,
    ])
  })

  it('remembers the turn of a tenant while another that was served before it waits', () => {
    const queue = new PriorityQueue<Rank>()
    let arrival = 0
    const add = (tenant: string, group = 'ocr') => {
      const request = { arrival: ++arrival, since: 0, headStart: 0, tenant, group }
      queue.add(request)
      return request
    }
    const serve = (failed: Iterable<string> = []) => {
      const [head] = queue.heads(new Set(failed))
      if (head === undefined) throw new Error('there is a head')
      queue.remove(head)
      queue.served(head)
      return head.tenant
    }
    add('importer')
    add('importer')
    add('importer')
    expect(serve()).toBe('importer')
    // Each time, the phone has nothing else queued.
    add('phone')
    expect(serve()).toBe('phone')
    add('phone')
    expect([serve(), serve(), serve()]).toEqual(['importer', 'phone', 'importer'])
    expect(queue.length).toBe(0)
    // Nothing is queued, so nothing is remembered.
    add('importer')
    add('phone')
    expect(serve()).toBe('importer')
  })

  it('lets so many tenants take turns, and the others share one', () => {
    const queue = new PriorityQueue<Rank>()
    let arrival = 0
    const add = (tenant: string) =>
      queue.add({ arrival: ++arrival, since: 0, headStart: 0, tenant: queue.shareOf(tenant), group: 'ocr' })
    for (let i = 0; i < 2; i++) add('victim')
    const served: string[] = []
    let isFull = false
    for (let i = 0; i < 1_000 && !served.includes('victim', 1); i++) {
      const [head] = queue.heads(new Map())
      if (head === undefined) break
      queue.remove(head)
      queue.served(head)
      served.push(head.tenant)
      // A client that makes up a tenant for every request.
      add(`made up ${i}`)
      add(`made up ${i} as well`)
      isFull ||= queue.shareOf('another') === '' && queue.shareOf('victim') === 'victim'
    }
    expect([served[0], served.at(-1)]).toEqual(['victim', 'victim'])
    expect(served.length).toBeLessThanOrEqual(2 * constants.mostTenants)
    expect(isFull).toBe(true)
  })

  it('counts the age of the oldest request, whichever tenant has the turn', () => {
    expect(order([bulk(0, 'a'), bulk(1, 'a'), bulk(350, 'b'), urgent(400)])).toEqual([0, 2, 1, 3])
  })

  it('counts requests by head start, and finds the first of a group', () => {
    const queue = new PriorityQueue<Rank>()
    const add = (arrival: number, rank: Partial<Rank>) => {
      const request = { arrival, since: 0, headStart: 0, tenant: 'immich', group: 'ocr', ...rank }
      queue.add(request)
      return request
    }
    const second = add(2, {})
    const first = add(1, {})
    add(3, { headStart: 300 })
    expect([queue.countOf(0), queue.countOf(1), queue.countOf(301)]).toEqual([3, 1, 0])
    expect(queue.firstOf({ headStart: 0, group: 'ocr' })).toBe(first)
    queue.update(first, () => Object.assign(first, { group: 'clip' }))
    expect(queue.firstOf({ headStart: 0, group: 'ocr' })).toBe(second)
    queue.remove(second)
    expect([queue.has(second), queue.length]).toEqual([false, 2])
  })

  it('skips groups that fail and requests that leave during an iteration', () => {
    const queue = new PriorityQueue<Rank>()
    const requests = ['ocr', 'ocr', 'clip', 'faces'].map((group, arrival) => {
      const request = { arrival, since: arrival, headStart: 0, tenant: String(arrival), group }
      queue.add(request)
      return request
    })
    const failed = new Map<string, number>()
    const tried: number[] = []
    for (const { arrival, group } of queue.heads(failed)) {
      tried.push(arrival)
      failed.set(group, 0)
      for (const request of requests.slice(2, 3)) queue.remove(request)
    }
    expect(tried).toEqual([0, 3])
  })
})
