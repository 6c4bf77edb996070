export { type Checked, checkConfig } from './check.ts'
export { type GatewayConfig, readConfig, seedConfig } from './config.ts'
export { logRequests } from './log.ts'
export { type Gateway, runGateway, startGateway } from './server.ts'
