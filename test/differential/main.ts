// npm run fuzz -- [bodies] [seed]: runs the differential test with any number of bodies and prints the results. The exit code
// is 1 if the router and FastAPI disagree.
import { oracleMissing } from './oracle.ts'
import { runDifferential } from './run.ts'

const [bodies = '100000', seed = String(Math.floor(Date.now() / 1000))] = process.argv.slice(2)
if (!/^[1-9]\d*$/.test(bodies) || !/^\d+$/.test(seed)) {
  console.error('usage: npm run fuzz -- [number of bodies, 1 or more] [first seed, 0 or more]')
  process.exit(2)
}
const missing = oracleMissing()
if (missing !== undefined) throw new Error(missing)
console.log(`${bodies} bodies from seed ${seed}`)
const { counts, wrong } = await runDifferential({ bodies: Number(bodies), seed: Number(seed) })
for (const [kind, count] of Object.entries(counts)) console.log(`${kind}: ${count}`)
for (const { seed: at, mutations, wrong: what } of wrong.slice(0, 20))
  console.log(`seed ${at} (${mutations.join(', ')}): ${what}`)
console.log(`${wrong.length} wrong`)
process.exitCode = wrong.length === 0 ? 0 : 1
