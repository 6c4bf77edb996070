import { expect, it } from 'vitest'
import { NoticeBoard, type RouterNotice } from './notices.ts'

function board() {
  const told: RouterNotice[] = []
  return { told, notices: new NoticeBoard((notice) => told.push(notice)) }
}

it('keeps one notice of each kind, the worst first', () => {
  const { notices } = board()
  notices.set({ kind: 'demo', level: 'info', message: 'Demo.' })
  notices.set({ kind: 'http-1.0', level: 'warning', message: 'Old protocol.', client: '10.0.0.1' })
  notices.set({ kind: 'disk', level: 'warning', message: 'Nearly full.' })
  notices.set({ kind: 'disk', level: 'error', message: 'Full.' })
  expect(notices.all.map(({ kind, message }) => `${kind}: ${message}`)).toEqual([
    'disk: Full.',
    'http-1.0: Old protocol.',
    'demo: Demo.',
  ])
  notices.clear('disk')
  notices.clear('disk')
  expect(notices.all.map(({ kind }) => kind)).toEqual(['http-1.0', 'demo'])
})

it('tells of a notice that is new or has changed, with the first client', () => {
  const { told, notices } = board()
  const notice = { kind: 'http-1.0', level: 'warning', message: 'Old protocol.' } as const
  notices.set({ ...notice, client: '10.0.0.1' })
  notices.set({ ...notice, client: '10.0.0.2' })
  notices.set({ ...notice, message: 'Still old.', client: '10.0.0.2' })
  notices.clear('http-1.0')
  notices.set(notice)
  expect(told.map(({ message, client }) => [message, client])).toEqual([
    ['Old protocol.', '10.0.0.1'],
    ['Still old.', '10.0.0.1'],
    ['Old protocol.', undefined],
  ])
})

it('is bounded: 32 kinds, and 500 characters of a message', () => {
  const { notices } = board()
  for (let i = 0; i < 40; i++) notices.set({ kind: `kind-${i}`, level: 'info', message: 'x'.repeat(1_000) })
  const { all } = notices
  expect([all.length, all[0]?.kind, all.at(-1)?.kind]).toEqual([32, 'kind-8', 'kind-39'])
  expect(all[0]?.message.length).toBeLessThanOrEqual(500)
})

it.each(['', 'Disk', 'a b', 'x'.repeat(41), '-'])('rejects the kind %j', (kind) => {
  const { notices } = board()
  expect(() => notices.set({ kind, level: 'info', message: 'Hello.' })).toThrow(RangeError)
})
