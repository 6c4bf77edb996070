import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'

const run = promisify(execFile)

/** Makes a router in a process of its own. @returns Whether http-proxy-3 was loaded there. */
async function loadsHttpProxy(program: string, type: 'module' | 'commonjs'): Promise<boolean> {
  const loaded = "Object.keys(require('node:module')._cache).some((file) => file.includes('http-proxy-3'))"
  const { stdout } = await run(
    process.execPath,
    [`--input-type=${type}`, '--eval', `${program}; process.stdout.write(String(${loaded}))`],
    { cwd: ROOT },
  )
  return stdout === 'true'
}

const require = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)"
const core = `${ROOT}/packages/core`
const builds = [
  ['the source', 'module', `${require}; import { createRouter } from '${core}/src/index.ts'`],
  ['the ES module', 'module', `${require}; import { createRouter } from '${core}/dist/index.js'`],
  ['the CommonJS module', 'commonjs', `const { createRouter } = require('${core}/dist/index.cjs')`],
] as const

describe.each(builds)('%s', (_name, type, load) => {
  const router = (options: string) =>
    `${load}; createRouter({ backends: { ml: { url: 'http://127.0.0.1:9' } }, health: false, ${options} }).close()`

  it('loads http-proxy-3 only for a router that uses it', async () => {
    expect(await loadsHttpProxy(router("transport: 'direct'"), type)).toBe(false)
    expect(await loadsHttpProxy(router("transport: 'direct', proxy: { secure: false }"), type)).toBe(false)
    expect(await loadsHttpProxy(router(''), type)).toBe(true)
  })
})
