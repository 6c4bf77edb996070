import { chmod, chown } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { file } from '../../../test/support/temporary-file.ts'
import { commandProblems } from './command-problems.ts'

const config = {
  backends: { 'gpu.attic': { url: 'http://gpu:3003', wake: { command: ['/usr/bin/ssh', 'gpu'] } } },
}
const user = process.getuid?.() ?? 0

it('takes commands from a file that only its own user may write', async () => {
  const path = await file('router.yaml', '')
  await chmod(path, 0o644)
  expect(await commandProblems(path, config)).toEqual([])
  expect(await commandProblems(path, config, undefined)).toEqual([])
})

it('takes none from a file that other users may write', async () => {
  const path = await file('router.yaml', '')
  await chmod(path, 0o664)
  expect(await commandProblems(path, config)).toEqual([
    {
      path: 'backends["gpu.attic"].wake.command',
      message: `must not be used, since other users may write the file: "chmod go-w ${path}", or use url instead`,
    },
  ])
  expect(await commandProblems(path, { backends: { gpu: { url: 'http://gpu:3003' } } })).toEqual([])
})

it('takes none from a file of another user', async () => {
  const path = await file('router.yaml', '')
  await chmod(path, 0o644)
  const owner = user === 0 ? 4242 : user
  await chown(path, owner, -1)
  const [problem] = await commandProblems(path, config, owner + 1)
  expect(problem?.message).toContain(
    `the file belongs to user ${owner} and the gateway runs as user ${owner + 1}`,
  )
})
