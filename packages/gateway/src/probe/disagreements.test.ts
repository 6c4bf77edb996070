import { PassThrough } from 'node:stream'
import type { RouterConfig } from '@immich-ml-router/core'
import { expect, it } from 'vitest'
import { clipServer } from '../../../../test/support/agreement-pool.ts'
import { disagreementsOf } from './disagreements.ts'
import { probeAll } from './probe-all.ts'

const stream = Object.assign(new PassThrough(), { isTTY: false }) as unknown as NodeJS.WriteStream

it('names the backends of one route that disagree, and no others', async () => {
  const servers = {
    gpu: await clipServer(),
    nas: await clipServer(() => ({ bits: 10 })),
    hailo: await clipServer(() => ({ squeezes: true })),
    alone: await clipServer(() => ({ length: 640 })),
  }
  const backends = Object.fromEntries(Object.entries(servers).map(([name, { url }]) => [name, { url }]))
  const config: RouterConfig = {
    backends,
    routes: [{ match: { task: 'ocr' }, backends: ['alone'] }, { backends: ['gpu', 'nas', 'hailo'] }],
  }
  expect(disagreementsOf(config, await probeAll(config, stream))).toEqual([
    expect.stringMatching(/^gpu and hailo disagree on ViT-B-32__openai: cosine 0\.\d+$/),
  ])
})
