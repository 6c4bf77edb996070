import type { Presentation } from '../lib/command.ts'
import { drawPlots } from './plots.ts'
import { reportOf } from './report.ts'
import { type Results, toJson } from './results.ts'

export const QUEUE: Presentation<Results> = { name: 'queue', toJson, drawPlots, reportOf }
