import { writeFileSync } from 'node:fs'
import { configurationReference } from './reference.ts'

// This page stays in git: the docs link to it and people read it on GitHub. test/reference.test.ts compares it with the schema.
writeFileSync(new URL('../../../docs/reference.md', import.meta.url), configurationReference())
