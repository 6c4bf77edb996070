import { type Fault, StubMlServer } from '@immich-ml-router/core/testing'

// Runs a stub ML server, configured by PORT, STUB_THREADS, STUB_SERVICE_TIME (ms), STUB_COLD_START (ms), STUB_FAULT.
const { env } = process
const stub = await StubMlServer.start({
  host: '0.0.0.0',
  port: number('PORT', 3003),
  threads: number('STUB_THREADS', 4),
  serviceTime: number('STUB_SERVICE_TIME', 20),
  coldStart: number('STUB_COLD_START', 0),
  ...(env['STUB_FAULT'] ? { fault: faultOf(env['STUB_FAULT']) } : {}),
})
console.log(`Listening on ${stub.url}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stub.close())

function faultOf(text: string): Fault {
  return text.startsWith('{') ? JSON.parse(text) : (text as Fault)
}

function number(name: string, fallback: number): number {
  const value = Number(env[name] ?? fallback)
  if (!Number.isFinite(value) || value < 0)
    throw new RangeError(`${name} must be a number from 0, not "${env[name]}".`)
  return value
}
