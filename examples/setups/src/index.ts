export { type Prepared, type Program, prepare, type StubServers } from './prepare.ts'
export { type Setup, setups } from './setups.ts'
