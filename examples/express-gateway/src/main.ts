import { runGateway } from '@immich-ml-router/example-gateway-kit'
import { makeApp } from './index.ts'

await runGateway('Express', makeApp)
