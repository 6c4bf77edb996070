import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../../../test/support/temporary-file.ts'
import { StateFile } from './state-file.ts'

async function stateFile() {
  const path = join(await temporaryDirectory(), 'queues.json')
  const failures: (string | undefined)[] = []
  let state = 'first'
  const file = new StateFile(
    path,
    () => state,
    (error) => failures.push(error?.message),
  )
  const set = (text: string) => {
    state = text
  }
  return { path, file, failures, set }
}

it('has the state of close(), and nothing is written after that', async () => {
  const { path, file, set } = await stateFile()
  expect(file.read()).toBeUndefined()
  const saves = [file.save(), file.save()]
  set('last')
  const closed = file.close()
  set('after close()')
  await closed
  expect(await Promise.all(saves)).toEqual([true, true])
  expect(await readdir(dirname(path))).toEqual(['queues.json'])
  expect(await file.save()).toBe(false)
  await file.close()
  expect([file.read(), await readFile(path, 'utf8')]).toEqual(['after close()', 'after close()'])
})

it('tells when it cannot be written', async () => {
  const failures: (string | undefined)[] = []
  const file = new StateFile(
    '/proc/nowhere/queues.json',
    () => 'state',
    (error) => failures.push(error?.message),
  )
  expect(await file.save()).toBe(false)
  await file.close()
  expect(failures).toEqual([expect.stringContaining('ENOENT'), expect.stringContaining('ENOENT')])
})
