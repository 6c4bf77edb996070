#!/usr/bin/env node
// The first import, because a SIGHUP ends a process that has no handler.
import './early-hang-up.ts'
// The second, because core reads its defaults with zod as it is loaded.
import './zod-config.ts'
import { createProgram } from './program.ts'

void createProgram().parseAsync()
