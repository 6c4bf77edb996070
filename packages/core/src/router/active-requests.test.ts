import { expect, it } from 'vitest'
import { type ActiveRequest, ActiveRequests } from './active-requests.ts'

const request = (state?: 'running' | 'waiting') =>
  ({ exchange: state && { wait: state === 'waiting' ? {} : undefined } }) as unknown as ActiveRequest

it('has the requests in the order of their arrival', () => {
  const active = new ActiveRequests()
  const [first, second] = [request(), request()]
  active.add(first)
  active.add(second)
  expect([...active]).toEqual([first, second])
  active.remove(first)
  expect([active.size, ...active]).toEqual([1, second])
})

it('is idle when every request that is left waits, and ended when none is left', async () => {
  const active = new ActiveRequests()
  const [running, waiting, unclassified] = [request('running'), request('waiting'), request()]
  for (const each of [running, waiting, unclassified]) active.add(each)
  const reached: string[] = []
  const idle = active.idle(60_000).then(() => reached.push('idle'))
  const ended = active.ended(60_000).then(() => reached.push('ended'))
  active.changed()
  await Promise.resolve()
  expect(reached).toEqual([])
  active.remove(running)
  await idle
  active.remove(waiting)
  active.remove(unclassified)
  await ended
  expect(reached).toEqual(['idle', 'ended'])
})

it('waits no longer than it may', async () => {
  const active = new ActiveRequests()
  active.add(request('running'))
  await active.idle(5)
  expect(active.size).toBe(1)
})
