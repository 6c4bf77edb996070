import { runGateway } from '@immich-ml-router/gateway-kit'
import { makeApp } from './index.ts'

await runGateway({ name: 'Koa gateway', makeApp })
