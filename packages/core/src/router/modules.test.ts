import { expect, it, vi } from 'vitest'
import { ModuleRegistry } from './modules.ts'
import { NoticeBoard, type RouterNotice } from './notices.ts'

const backends = { gpu: { url: 'http://gpu:3003' } }
const cached = { backends, routes: [{ backends: ['gpu'], searchCache: { path: 'a.db' } }] }
const answers = { find: () => undefined, forget: () => 7 }

function registry() {
  const set: RouterNotice[] = []
  const board = new NoticeBoard((notice) => set.push(notice))
  const modules = new ModuleRegistry()
  const check = () => {
    modules.check(board)
    return board.all.map(({ kind }) => kind)
  }
  return { modules, check, set }
}

it('notes an option without a module, until there is one', () => {
  const { modules, check, set } = registry()
  modules.configure(cached)
  expect([modules.isChecked, check(), check(), modules.isChecked]).toEqual([
    false,
    ['not-served'],
    ['not-served'],
    true,
  ])
  expect(set).toHaveLength(1)
  const detach = modules.attach({ serves: 'searchCache', answers })
  expect(check()).toEqual([])
  detach()
  expect([modules.unserved(), check()]).toEqual([['searchCache'], ['not-served']])
  modules.configure({ backends })
  expect(check()).toEqual([])
})

it('has the splitter of the module that was attached last, and no notice for it', () => {
  const { modules, check } = registry()
  modules.configure({ backends })
  const splitter = () => ({ split: async () => true, explain: vi.fn() })
  const [one, two] = [splitter(), splitter()]
  const detach = modules.attach({ splitter: one })
  expect([modules.splitter, check()]).toEqual([one, []])
  const other = modules.attach({ splitter: two })
  detach()
  expect(modules.splitter).toBe(two)
  other()
  expect([modules.splitter, check()]).toEqual([undefined, []])
})

it('has the answers of the module that was attached last', () => {
  const { modules } = registry()
  expect(modules.forgetAnswers()).toBeUndefined()
  const first = modules.attach({ serves: 'searchCache', answers: { ...answers, forget: () => 1 } })
  const second = modules.attach({ serves: 'searchCache', answers })
  first()
  expect(modules.forgetAnswers('m')).toBe(7)
  second()
  expect(modules.forgetAnswers()).toBeUndefined()
})

it('ends what modules use when the router closes, also when one of them fails', async () => {
  const { modules } = registry()
  const ended: string[] = []
  modules.onClose(() => {
    throw new Error('no disk')
  })
  const remove = modules.onClose(async () => void ended.push('removed'))
  modules.onClose(async () => {
    await Promise.resolve()
    ended.push('file')
  })
  remove()
  await modules.close()
  expect(ended).toEqual(['file'])
})
