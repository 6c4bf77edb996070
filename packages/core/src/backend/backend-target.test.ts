import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { BackendTarget } from './backend-target.ts'

const TRAITS = { url: 'http://user:secret@gpu:3003/ml', weight: 1 }
const start = (traits = {}) => new BackendTarget('http://gpu:3003/ml', undefined, { ...TRAITS, ...traits })

it('knows where predict requests go, and the headers that only this backend gets', () => {
  const target = start({ headers: { 'x-key': 'abc' } })
  expect([target.url.href, target.path]).toEqual(['http://gpu:3003/ml/predict', '/ml/predict'])
  expect(target.headers()).toEqual({
    authorization: `Basic ${Buffer.from('user:secret').toString('base64')}`,
    'x-key': 'abc',
  })
  expect(
    new BackendTarget('http://gpu', undefined, { url: 'http://gpu', weight: 1 }).headers(),
  ).toBeUndefined()
})

it('shows no secrets when it is logged', () => {
  const target = start({ headers: { 'x-key': 'abc' }, tls: { key: 'private' } })
  expect(`${inspect(target)}${JSON.stringify(target)}`).not.toMatch(/secret|abc|private|Basic/)
})

it('keeps TLS settings that are equal, so that connections stay', () => {
  const target = start({ tls: { ca: 'A' } })
  const tls = target.tls()
  target.configure({ ...TRAITS, tls: { ca: 'A' }, connectTimeout: 7 })
  expect([target.tls() === tls, target.connectTimeout]).toEqual([true, 7])
  target.configure({ ...TRAITS, tls: { ca: 'B' } })
  expect(target.tls()).toEqual({ ca: 'B' })
})

it('reports to the attempts that run when the backend is gone', () => {
  const target = start()
  const gone: string[] = []
  const [one, other] = ['one', 'other'].map((name) => ({ backendGone: () => gone.push(name) }))
  if (one === undefined || other === undefined) throw new TypeError('two attempts')
  target.enter(one)
  target.enter(other)
  target.exit(one)
  target.gone('gone')
  expect(gone).toEqual(['other'])
})

it('calls back once when it closes', () => {
  const target = start()
  let closed = 0
  target.onClose(() => closed++)
  target.setLeaving(true)
  target.close()
  target.close()
  expect([target.isLeaving, closed]).toEqual([true, 1])
})
