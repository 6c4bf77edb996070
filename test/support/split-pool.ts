import type { RouterOptions } from '@immich-ml-router/core'
import { splitRequests } from '@immich-ml-router/core/split'
import {
  ENTRIES,
  imageBytes,
  immichBody,
  type StubMlServer,
  type StubMlServerOptions,
} from '@immich-ml-router/core/testing'
import { serveRouter } from './router-server.ts'
import { stubMl } from './servers.ts'

/** The entries of two tasks in one request. */
export const CLIP_AND_FACES = { ...ENTRIES.indexing, ...ENTRIES.faces }

/** A request with two tasks and one image. @param size Bytes of the image. */
export function twoTasks(size = 1_000): Buffer {
  return immichBody(CLIP_AND_FACES, imageBytes(size))
}

/** The stub ML servers of a split pool. */
export interface SplitStubs {
  readonly gpu: StubMlServer
  readonly nas: StubMlServer
}

/** Two stub ML servers of which each serves one task. */
export async function splitStubs(options: StubMlServerOptions = {}): Promise<SplitStubs> {
  return { gpu: await stubMl(options), nas: await stubMl(options) }
}

/** The backends of two stubs: `gpu` serves clip, `nas` faces. */
export function splitBackends(
  { gpu, nas }: Record<'gpu' | 'nas', { readonly url: string }>,
  own: Partial<RouterOptions['backends'][string]> = {},
) {
  return {
    gpu: { url: gpu.url, tasks: ['clip'], health: false as const, ...own },
    nas: { url: nas.url, tasks: ['facial-recognition'], health: false as const, ...own },
  }
}

/** A router that splits requests over two stubs. */
export async function splitPool(
  options: Partial<RouterOptions> = {},
  {
    stub,
    backend,
  }: { stub?: StubMlServerOptions; backend?: Partial<RouterOptions['backends'][string]> } = {},
) {
  const stubs = await splitStubs(stub)
  const config = { backends: splitBackends(stubs, backend), heartbeat: false as const, ...options }
  const served = await serveRouter(config)
  const end = splitRequests(served.router)
  const inFlight = () => served.router.status().backends.reduce((sum, { inFlight }) => sum + inFlight, 0)
  return { ...served, ...stubs, config, end, inFlight }
}
