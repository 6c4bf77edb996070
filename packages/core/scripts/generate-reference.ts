import { writeFileSync } from 'node:fs'
import { configurationReference } from './reference.ts'

writeFileSync(new URL('../../../docs/reference.md', import.meta.url), configurationReference())
