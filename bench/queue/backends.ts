import { type AnswerFault, type Fault, StubMl } from '../../examples/stub-ml/src/index.ts'
import type { BackendName } from '../../test/support/fault-rows.ts'
import { offer } from '../lib/offer.ts'
import type { BackendSpec } from './timeline.ts'

const stubs = new Map<BackendName, StubMl>()

/** The stand-in ML servers, in one process of their own. */
const functions = {
  /** @returns Their URLs, in order. */
  async start(specs: readonly BackendSpec[]): Promise<string[]> {
    for (const { name, threads, time } of specs)
      stubs.set(name, await StubMl.start({ threads, serviceTime: time }))
    return [...stubs.values()].map(({ url }) => url)
  },
  /** Sets the faults, and ends those of the other backends. */
  async setFaults(faults: Readonly<Partial<Record<BackendName, Fault | AnswerFault>>>): Promise<void> {
    await Promise.all([...stubs].map(([name, stub]) => stub.setFault(faults[name])))
  },
}

export type Backends = typeof functions

offer(functions)
