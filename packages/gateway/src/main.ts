#!/usr/bin/env node
// The first import, because core reads its defaults with zod as it is loaded.
import './zod-config.ts'
import { createProgram } from './program.ts'

// The reader of a pipe may end first, as in `immich-ml-router check | head`.
process.stdout.on('error', (error) => {
  if (!('code' in error) || error.code !== 'EPIPE') throw error
})

void createProgram().parseAsync()
