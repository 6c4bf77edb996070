import { runBench } from './lib/bench.ts'
import { endOnSignals } from './lib/child.ts'

/** `node bench/main.ts NAME [options]` runs one bench. */
endOnSignals()
switch (process.argv[2]) {
  case 'cost':
    await runBench((await import('./cost/bench.ts')).COST)
    break
  case 'pool':
    await runBench((await import('./pool/bench.ts')).POOL)
    break
  case 'queue':
    await runBench((await import('./queue/bench.ts')).QUEUE)
    break
  case 'sim':
    await import('./sim/main.ts')
    break
  default:
    await import('./page/main.ts')
}
