import { runBench } from './lib/bench.ts'

// Signals end this process in the ordinary way, and its children with it.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

const benches: Readonly<Record<string, () => Promise<unknown>>> = {
  cost: async () => runBench((await import('./cost/bench.ts')).COST),
  pool: async () => runBench((await import('./pool/bench.ts')).POOL),
  queue: async () => runBench((await import('./queue/bench.ts')).QUEUE),
  sim: () => import('./sim/main.ts'),
  start: () => import('./start/main.ts'),
  'search-cache': () => import('./search-cache/main.ts'),
  page: () => import('./page/main.ts'),
}
await benches[process.argv[2] ?? '']?.()
