import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { immichForm } from '@immich-ml-router/core/testing'
import { describe, expect } from 'vitest'
import { spawnProgram, started } from './support/gateway-process.ts'
import { buildImage } from './support/image.ts'
import { stubMl } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

itNeeds('signals')(
  'the image of the stub ML server answers without development dependencies',
  async () => {
    const { directory, command } = await buildImage('examples/stub-ml/Dockerfile')
    const { url } = await started(
      spawnProgram({ cwd: directory, args: command.slice(1) }, { NODE_ENV: 'production' }),
    )
    const response = await fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch') })
    expect(await response.json()).toHaveProperty('clip')
  },
  120_000,
)

describe.each(['express', 'koa'])('the image of the %s gateway', (name) => {
  itNeeds('signals')(
    'starts from a fresh clone, with the status page and without development dependencies',
    async () => {
      const { directory, command } = await buildImage(`examples/${name}-gateway/Dockerfile`)
      expect(command[0]).toBe('node')
      const { url } = await started(
        spawnProgram(
          { cwd: directory, args: command.slice(1) },
          { NODE_ENV: 'production', ML_DEFAULT_URL: (await stubMl()).url },
        ),
      )
      expect(await (await fetch(`${url}/_router`)).text()).toMatch(/^<!doctype html>/)
      expect((await fetch(`${url}/metrics`)).status).toBe(200)
      const installed = await readdir(join(directory, 'node_modules/.pnpm'))
      expect(installed.filter((it) => /^(esbuild|vitest|tsup)@/.test(it))).toEqual([])
    },
    120_000,
  )
})
