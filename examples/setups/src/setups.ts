import type { StubMlServerOptions } from '@immich-ml-router/core/testing'

/** Options of a stub server. With `sleeps`, it starts some seconds after a Wake-on-LAN packet. */
export interface StubSettings extends Omit<StubMlServerOptions, 'host' | 'port' | 'fault'> {
  readonly sleeps?: boolean
}

/** The stub servers of a set-up, by `host:port`. */
export type Setup = Readonly<Record<string, StubSettings>>

const gpu: StubSettings = { threads: 4, serviceTime: { clip: 20, 'facial-recognition': 40, ocr: 120 } }
const mac: StubSettings = { threads: 2, serviceTime: { clip: 40, 'facial-recognition': 80, ocr: 240 } }
const cpu: StubSettings = { threads: 1, serviceTime: { clip: 100, 'facial-recognition': 800, ocr: 1_000 } }
const sleeping: StubSettings = { ...gpu, sleeps: true }
const embedding: Setup = { 'immich-machine-learning:3003': cpu }

/** Every set-up, by its directory in `examples/setups` or by its path in `examples`. */
export const setups: Readonly<Record<string, Setup>> = {
  'sleeping-gpu': { '127.0.0.1:3004': cpu, '192.168.1.20:3003': sleeping },
  'ocr-on-cpu': { 'ml-gpu:3003': gpu, 'ml-cpu:3003': cpu },
  'unequal-servers': {
    '192.168.1.20:3003': gpu,
    '192.168.1.30:3003': mac,
    'immich-machine-learning:3003': cpu,
  },
  'immich-compose': { 'immich-machine-learning:3003': cpu, '192.168.1.20:3003': gpu },
  systemd: { '192.168.1.20:3003': gpu, '192.168.1.10:3003': cpu },
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
