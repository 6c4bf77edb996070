import { type Fault, StubMlServer } from '@immich-ml-router/core/testing'
import type { BackendName } from '../../test/support/fault-rows.ts'
import { offer } from '../lib/offer.ts'
import type { BackendSpec } from './timeline.ts'

const stubs = new Map<BackendName, StubMlServer>()

/** The stand-in ML servers, in one process of their own. */
const functions = {
  /** @returns Their URLs, in order. */
  async start(specs: readonly BackendSpec[]): Promise<string[]> {
    for (const { name, threads, time } of specs)
      stubs.set(name, await StubMlServer.start({ threads, serviceTime: time }))
    return [...stubs.values()].map(({ url }) => url)
  },
  /** Sets the faults, and ends those of the other backends. */
  async setFaults(faults: Readonly<Partial<Record<BackendName, Fault>>>): Promise<void> {
    await Promise.all([...stubs].map(([name, stub]) => stub.setFault(faults[name])))
  },
}

export type Backends = typeof functions

offer(functions)
