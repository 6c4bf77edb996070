import type { RouterOptions } from '@immich-ml-router/core'
import { watchAgreement } from '@immich-ml-router/core/agreement'
import type { StubMlServer } from '@immich-ml-router/core/testing'
import { expect } from 'vitest'
import { post } from './client.ts'
import { type ClipOptions, madeUpClip } from './made-up-clip.ts'
import { type RouterServer, serveRouter } from './router-server.ts'
import { stubMl } from './servers.ts'

/** A router whose agreement is watched. */
export interface AgreementPool extends RouterServer {
  /** Sends requests, twice as many as there are backends by default, and waits for the questions that follow each. */
  send(body: Buffer, count?: number): Promise<void>
  /** Why backends have problems with a model. */
  reasons(): readonly string[]
  /** The names of the backends that answered so many of the last requests. */
  servedBy(last: number): readonly string[]
}

/** Starts an ML server whose embeddings differ as the test says, also later. */
export function clipServer(options: () => ClipOptions = () => ({})): Promise<StubMlServer> {
  return stubMl({ result: (input) => madeUpClip(input, options()) })
}

/** Starts a router that sends requests to the backends in turn, and watches their agreement. */
export async function agreementPool(
  servers: Readonly<Record<string, StubMlServer>>,
  options: Partial<RouterOptions> = {},
): Promise<AgreementPool> {
  const names = Object.keys(servers)
  const server = await serveRouter({
    backends: backendsOf(servers),
    routes: [{ name: 'all', backends: names, strategy: 'round-robin' }],
    canary: true,
    health: false,
    ...options,
  })
  watchAgreement(server.router)
  return {
    ...server,
    send: async (body, count = 2 * names.length) => {
      for (let i = 0; i < count; i++) {
        expect((await post(server.url, body)).status).toBe(200)
        await settled(server)
      }
    },
    reasons: () =>
      server.router.status().backends.flatMap(({ problems }) => problems.map(({ reason }) => reason)),
    servedBy: (last) => server.requests.slice(-last).map(({ backend }) => backend?.name ?? ''),
  }
}

/** The option `backends` for servers by name. */
export function backendsOf(servers: Readonly<Record<string, StubMlServer>>): RouterOptions['backends'] {
  return Object.fromEntries(Object.entries(servers).map(([name, { url }]) => [name, { url }]))
}

/** Waits until the event of the last request has been handled and no question is on its way. */
export async function settled({ router }: Pick<RouterServer, 'router'>): Promise<void> {
  const answered = () =>
    router.status().backends.reduce((sum, { canaries: { passed, failed } }) => sum + passed + failed, 0)
  let before: number
  do {
    before = answered()
    await new Promise((resolve) => setTimeout(resolve, 40))
  } while (answered() !== before)
}
