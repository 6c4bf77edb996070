export { type Prepared, type Program, prepare, type StandInServers } from './prepare.ts'
export { type Setup, setups } from './setups.ts'
