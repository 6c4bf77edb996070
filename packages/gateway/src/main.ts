#!/usr/bin/env node
// The first import, because core reads its defaults with zod as it is loaded.
import './zod-config.ts'
import { createProgram } from './program.ts'

void createProgram().parseAsync()
