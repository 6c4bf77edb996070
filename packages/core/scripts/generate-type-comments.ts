import { fileURLToPath } from 'node:url'
import { documentTypes } from './document-types.ts'

documentTypes(fileURLToPath(new URL('../dist/', import.meta.url)))
