import { expect, it } from 'vitest'
import { ownUrlProblems } from './own-url.ts'

const machine = { hostname: 'nas.lan', addresses: ['127.0.0.1', '192.168.1.5', 'fd00::5'] }
type Variables = Record<string, string>

it.each<[string, Variables, boolean]>([
  ['http://localhost:3003', {}, true],
  ['http://127.0.0.1:3003/ml', {}, true],
  ['http://127.1.2.3:3003', {}, true],
  ['http://[::1]:3003', {}, true],
  ['http://0.0.0.0:3003', {}, true],
  ['http://192.168.1.5:3003', {}, true],
  ['http://[fd00::5]:3003', {}, true],
  ['http://NAS:3003', {}, true],
  ['http://nas.lan:3003', {}, true],
  ['http://localhost', { PORT: '80' }, true],
  ['https://localhost', { PORT: '443' }, true],
  ['http://localhost:3004', { PORT: '3004', HOST: '0.0.0.0' }, true],
  ['http://localhost:3004', {}, false],
  ['http://localhost:3003', { PORT: '3004' }, false],
  ['http://192.168.1.6:3003', {}, false],
  ['http://gpu:3003', {}, false],
  ['http://nas-2:3003', {}, false],
  ['http://localhost:3003', { HOST: '127.0.0.1' }, true],
  ['http://192.168.1.5:3003', { HOST: '127.0.0.1' }, false],
  ['http://192.168.1.5:3003', { HOST: '192.168.1.5' }, true],
  ['http://localhost:3003', { HOST: '192.168.1.5' }, false],
  ['http://localhost:3003', { LISTEN_FDS: '1' }, false],
  ['localhost:3003', {}, false],
  ['http://localhost:3003', { PORT: 'x' }, false],
])('%s with %j: %s', (url, env, isOwn) => {
  const problems = ownUrlProblems({ backends: { gpu: { url } } }, env, machine)
  expect(problems.map(({ path }) => path)).toEqual(isOwn ? ['backends.gpu.url'] : [])
})

it('takes a configuration that is not valid', () => {
  for (const config of [undefined, null, [], { backends: 'x' }, { backends: { a: null, b: { url: 1 } } }])
    expect(ownUrlProblems(config, {}, machine)).toEqual([])
})
