import type { AnswerFault, Fault } from './faults.ts'
import { StubMl } from './stub-ml.ts'

// Runs a stub ML server, configured by PORT, STUB_THREADS, STUB_SERVICE_TIME (ms), STUB_COLD_START (ms), STUB_FAULT.
const { env } = process
const stub = await StubMl.start({
  host: '0.0.0.0',
  port: number('PORT', 3003),
  threads: number('STUB_THREADS', 4),
  serviceTime: number('STUB_SERVICE_TIME', 20),
  coldStart: number('STUB_COLD_START', 0),
  ...(env['STUB_FAULT'] ? { fault: faultOf(env['STUB_FAULT']) } : {}),
})
console.log(`stub Immich ML server on port ${stub.port}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stub.close())

function faultOf(text: string): Fault | AnswerFault {
  return text.startsWith('{') ? (JSON.parse(text) as AnswerFault) : (text as Fault)
}

function number(name: string, fallback: number): number {
  const value = Number(env[name] ?? fallback)
  if (!Number.isFinite(value) || value < 0)
    throw new RangeError(`${name} must be a number from 0, not "${env[name]}".`)
  return value
}
