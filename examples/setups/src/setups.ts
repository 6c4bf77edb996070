import type { StubOptions } from '@immich-ml-router/example-stub-ml'

/** A stand-in ML server; one that sleeps is there some seconds after a Wake-on-LAN packet. */
export interface StandIn extends Omit<StubOptions, 'host' | 'port' | 'fault'> {
  readonly sleeps?: boolean
}

/** What stands in for the servers of a set-up, by their hosts. */
export type Setup = Readonly<Record<string, StandIn>>

const gpu: StandIn = { threads: 4, serviceTime: { clip: 20, 'facial-recognition': 40, ocr: 120 } }
const mac: StandIn = { threads: 2, serviceTime: { clip: 40, 'facial-recognition': 80, ocr: 240 } }
const cpu: StandIn = { threads: 1, serviceTime: { clip: 100, 'facial-recognition': 800, ocr: 1_000 } }
const sleeping: StandIn = { ...gpu, sleeps: true }
const embedding: Setup = { 'immich-machine-learning:3003': cpu }

/** Every set-up, by its directory. */
export const setups: Readonly<Record<string, Setup>> = {
  'sleeping-gpu': { '127.0.0.1:3004': cpu, '192.168.1.20:3003': sleeping },
  'ocr-on-cpu': { 'ml-gpu:3003': gpu, 'ml-cpu:3003': cpu },
  'unequal-servers': {
    '192.168.1.20:3003': gpu,
    '192.168.1.30:3003': mac,
    'immich-machine-learning:3003': cpu,
  },
  kubernetes: { 'immich-machine-learning-pods.immich.svc.cluster.local:3003': gpu },
  'from-immich-ml-proxy-nginx': { 'ml-text:3003': cpu, 'ml-image:3003': gpu, 'ml-default:3003': cpu },
  'from-pixelunioneu': { 'immich-ml-gpu.example.internal': gpu, 'immich-ml:3003': cpu },
  'from-yanghu': { 'immich-ml-local:3003': cpu, '10.0.10.12:3003': gpu },
  'from-pauleibensteiner': { '127.0.0.1:3004': cpu, '192.168.1.20:3003': sleeping },
  'from-apetersson': {
    'immich-machine-learning:3003': cpu,
    '192.168.0.123:3003': gpu,
    'desktop.local:3003': mac,
  },
  'from-immich': { '192.168.1.20:3003': gpu, 'immich-machine-learning:3003': cpu },
  'embedding/express': embedding,
  'embedding/koa': embedding,
  'embedding/nestjs': embedding,
  'embedding/fastify': embedding,
  'embedding/node': embedding,
}
